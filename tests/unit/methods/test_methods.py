"""Every method file offers a `Config`; what cannot work is refused before anything is loaded."""

import math
from pathlib import Path

import pytest

from synthetic_instruction_tuner.config import TrainingConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.methods import all_methods
from synthetic_instruction_tuner.methods.losses.pairwise import DirectPreference, softplus
from synthetic_instruction_tuner.methods.losses.rows import Row
from synthetic_instruction_tuner.methods.losses.unpaired import Verdicts, sigmoid
from synthetic_instruction_tuner.records import PreferencePair, write_lines
from synthetic_instruction_tuner.training.compatibility import check

CONFIGS = {name: module.Config for name, module in all_methods().items()}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_discriminator_is_the_file_name(name: str) -> None:
    training = TrainingConfig.model_validate({"arms": [{"name": "arm", "method": name}]})
    assert type(training.arms[0]) is CONFIGS[name]
    assert CONFIGS[name].__doc__


def test_the_methods_are_known() -> None:
    assert set(CONFIGS) >= {
        "lora", "rslora", "dora", "ia3", "vera", "prompt_tuning", "prefix_tuning", "p_tuning",
        "full", "dpo", "kto", "simpo", "cpo", "orpo",
    }  # fmt: skip


def training(**student: str) -> TrainingConfig:
    return TrainingConfig.model_validate({"student": {"name": "m", **student}})


def test_full_training_of_a_quantised_base_is_refused() -> None:
    refusal = r"quantization='nf4' does not go with method 'full'; allowed: none"
    with pytest.raises(ConfigurationError, match=refusal):
        check(CONFIGS["full"](name="a"), training(quantization="nf4"), None)
    check(CONFIGS["full"](name="a"), training(), None)


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
@pytest.mark.parametrize("name", sorted(CONFIGS))
def test_which_methods_go_on_a_quantised_base(name: str, quantization: str) -> None:
    arm = CONFIGS[name](name="a")
    if (name, quantization) in {("full", "nf4"), ("full", "int8"), ("dora", "int8")}:
        with pytest.raises(ConfigurationError, match=f"does not go with method '{name}'"):
            check(arm, training(quantization=quantization), None)
    else:
        check(arm, training(quantization=quantization), None)


def test_which_methods_merge() -> None:
    arms = {name: config(name="a") for name, config in CONFIGS.items()}
    apart = {name for name, arm in arms.items() if not arm.limits().merges}
    assert apart == {"prompt_tuning", "prefix_tuning", "p_tuning", "full"}


def test_kto_needs_two_responses_a_batch() -> None:
    with pytest.raises(ValueError, match="batch_size"):
        CONFIGS["kto"](name="a", batch_size=1)


@pytest.mark.parametrize("start", ["p_tuning", "prefix_tuning"])
@pytest.mark.parametrize("name", ["dpo", "kto", "lora"])
def test_prompts_from_a_network_cannot_be_gone_on_from(name: str, start: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"start_from='p' is of method '{start}'"):
        check(CONFIGS[name](name="a", start_from="p"), training(), CONFIGS[start](name="p"))


def test_what_ships_too_little_to_go_on_from_is_refused() -> None:
    dpo = CONFIGS["dpo"](name="a", start_from="p")
    with pytest.raises(ConfigurationError, match=r"start_from='p' is of method 'p_tuning'"):
        check(dpo, training(), CONFIGS["p_tuning"](name="p"))
    check(dpo, training(), CONFIGS["lora"](name="p"))


def test_prefixes_do_not_go_with_recomputed_activations() -> None:
    settings = TrainingConfig(gradient_checkpointing=True)
    with pytest.raises(ConfigurationError, match=r"'prefix_tuning' needs .*gradient_checkpointing"):
        check(CONFIGS["prefix_tuning"](name="a"), settings, None)


@pytest.mark.parametrize("name", ["prompt_tuning", "prefix_tuning", "p_tuning"])
def test_prompts_are_never_decayed(name: str) -> None:
    with pytest.raises(ValueError, match=r"weight_decay"):
        CONFIGS[name](name="a", weight_decay=0.1)


def test_dpo_metrics_by_hand() -> None:
    """Chosen rose by 2, rejected fell by 1 in pair a; the reverse in b: margins +-0.1 * 3."""
    rows = [Row("a", (1,), ((2,), (3,))), Row("b", (1,), ((2,), (3,)))]
    found = DirectPreference(0.1).summarise(
        [(-1.0, -5.0), (-5.0, -1.0)], rows, {"a": (-3.0, -4.0), "b": (-3.0, -2.0)}
    )
    assert found["accuracy"] == 0.5
    assert found["margin"] == pytest.approx(0.0)
    assert found["chosen_drift"] == pytest.approx(0.0)
    assert found["loss"] == pytest.approx(
        (math.log(1 + math.exp(-0.3)) + math.log(1 + math.exp(0.3))) / 2
    )


def test_kto_metrics_by_hand() -> None:
    """Log-ratios 2 (chosen) and -1 (rejected); those of the other responses have the mean 0.5."""
    rows = [Row("a/chosen", (1,), ((2,), (3,))), Row("a/rejected", (1,), ((4,), (5,)), False)]
    found = Verdicts(0.1, 1.0, 2.0).summarise(
        [(-1.0, -2.0), (-5.0, -4.0)], rows, {"a/chosen": (-3.0, -4.0), "a/rejected": (-4.0, -3.0)}
    )
    assert found["usual"] == 0.5
    assert found["margin"] == pytest.approx(0.1 * 3)
    assert found["accuracy"] == 1.0
    assert found["chosen_drift"] == 2.0
    good = 1 / (1 + math.exp(0.1 * (2 - 0.5)))  # 1 - sigmoid(beta * (2 - z0))
    bad = 1 / (1 + math.exp(0.1 * (0.5 - -1)))
    assert found["loss"] == pytest.approx((good + 2 * bad) / 2)


def test_kto_learns_every_pair_as_two_responses(tmp_path: Path) -> None:
    pairs = [
        PreferencePair(one, f"q{one}", f"good {one}", f"bad {one}", 1, 0, 1, "r", "s", "d", split)
        for one, split in (("a", "train"), ("b", "train"), ("c", "validation"), ("d", "train"))
    ]
    write_lines(tmp_path / "pairs.jsonl", pairs)
    found = Verdicts(0.1, 1, 1).read(tmp_path / "pairs.jsonl")
    assert [(one.id, one.split, one.desired, one.responses) for one in found] == [
        ("a/chosen", "train", True, ("good a", "good b")),
        ("a/rejected", "train", False, ("bad a", "bad b")),
        ("b/chosen", "train", True, ("good b", "good d")),
        ("b/rejected", "train", False, ("bad b", "bad d")),
        ("d/chosen", "train", True, ("good d", "good a")),
        ("d/rejected", "train", False, ("bad d", "bad a")),
        ("c/chosen", "validation", True, ("good c", "good c")),
        ("c/rejected", "validation", False, ("bad c", "bad c")),
    ]


def test_sigmoid_does_not_overflow() -> None:
    assert (sigmoid(0), sigmoid(1000), sigmoid(-1000)) == (0.5, 1.0, 0.0)


def test_softplus_does_not_overflow() -> None:
    assert softplus(0) == pytest.approx(math.log(2))
    assert softplus(1000) == 1000
    assert softplus(-1000) == 0
