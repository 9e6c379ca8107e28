"""What is said about preference training: some arms could prefer before it, some could not."""

from types import SimpleNamespace

from synthetic_instruction_tuner.reporting import findings


def test_only_an_arm_that_is_its_own_reference_cannot_prefer_before_training() -> None:
    held = {
        "training/dpo/last/accuracy": 0.7,
        "training/simpo/last/accuracy": 0.9,
        "training/simpo/first/accuracy": 0.6,
    }
    results = SimpleNamespace(preference_arms=("dpo", "simpo"), label=str.upper, get=held.get)
    dpo, simpo = findings.preference(results)
    assert dpo.endswith("and cannot prefer either answer.")
    assert simpo.endswith("it ranked [[training/simpo/first/accuracy|percent]] correctly.")
