"""Ranges and trials: drawn from settings alone, the same number for every arm."""

import re
from pathlib import Path

import pytest
import yaml

from synthetic_instruction_tuner.config import TrainingConfig, presets
from synthetic_instruction_tuner.config.tuning import Range, differences, radical_inverse

ARMS = [
    {"name": "sft", "method": "lora"},
    {"name": "soft", "method": "prompt_tuning"},
    {"name": "loha", "method": "peft", "peft_type": "loha"},
    {"name": "dpo", "method": "dpo", "start_from": "sft"},
]
RATES = {"low": 1e-5, "high": 1e-1, "log": True}
TUNING = {"trials": 4, "ranges": {"learning_rate": RATES, "rank": [4, 8, 16], "options.r": [2, 4]}}


def training(arms: list[dict] | None = None, **tuning: object) -> TrainingConfig:
    return TrainingConfig.model_validate({"arms": arms or ARMS, "tuning": TUNING | tuning})


def tried(config: TrainingConfig, seed: int = 7) -> dict[str, list[dict]]:
    assert config.tuning is not None
    return {
        arm.name: [differences(arm, one) for one in config.tuning.settings_of(arm, seed)]
        for arm in config.arms
    }


def test_halton_by_hand() -> None:
    assert [radical_inverse(one, 2) for one in (1, 2, 3, 4)] == [0.5, 0.25, 0.75, 0.125]
    assert radical_inverse(5, 3) == pytest.approx(2 / 3 + 1 / 9)  # 5 is 12 in base 3


def test_values_of_ranges_by_hand() -> None:
    assert Range(low=1e-5, high=1e-1, log=True).at(0.5) == 1e-3
    assert Range(low=0.0, high=0.2).at(0.25) == 0.05
    assert [Range(low=1, high=3).at(one) for one in (0, 0.34, 0.99)] == [1, 2, 3]
    assert Range(low=4, high=64, log=True).at(0.5) == 16


def test_every_arm_has_as_many_trials_over_the_settings_that_it_has() -> None:
    found = tried(training())
    assert {name: len(one) for name, one in found.items()} == dict.fromkeys(found, 4)
    assert {key for one in found["sft"] for key in one} == {"learning_rate", "rank"}
    assert {key for one in found["soft"] for key in one} == {"learning_rate"}
    assert {key for one in found["loha"] for key in one} == {"learning_rate", "options.r"}
    assert {key for one in found["dpo"] for key in one} == {"learning_rate"}  # sft's adapter
    rates = [one["learning_rate"] for one in found["sft"]]
    assert [one["learning_rate"] for one in found["soft"]] == rates
    decades = sorted(int(rate >= 1e-4) + (rate >= 1e-3) + (rate >= 1e-2) for rate in rates)
    assert decades == [0, 1, 2, 3]  # a quarter of the range each: four points of base 2


def test_trials_follow_from_the_seed_and_more_leave_the_first_alone() -> None:
    four, eight = tried(training()), tried(training(trials=8))
    assert four == tried(training())
    assert eight["sft"][:4] == four["sft"]
    assert tried(training(), seed=8) != four


def test_an_arm_may_have_ranges_of_its_own() -> None:
    own = {"soft": {"learning_rate": [0.1, 0.2, 0.3, 0.4]}}
    given = {"arms": ARMS, "tuning": TUNING | {"arms": own}}
    found = tried(TrainingConfig.model_validate(given))
    assert sorted(one["learning_rate"] for one in found["soft"]) == [0.1, 0.2, 0.3, 0.4]
    assert found["sft"] == tried(training())["sft"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"trials": 2, "ranges": {"rank": [4, 8, 16]}},
            "arm 'soft' has none of rank among its settings",
        ),
        ({"ranges": {"learning_rate": [0.1, 50]}}, "learning_rate"),
        ({"ranges": {"learning_rate": [0.1, 0.2]}}, "fewer than trials=4 other settings"),
        ({"ranges": {"learning_rate": {"low": 0, "high": 1, "log": True}}}, "needs low > 0 below"),
        ({"arms": {"lora": {}}}, r"tuning\.arms has 'lora'; allowed: dpo, loha, sft, soft"),
        ({"arms": {"soft": {"rank": [1, 2]}}}, "arm 'soft' has 'rank' among its settings"),
    ],
)
def test_ranges_that_cannot_be_tried_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingConfig.model_validate({"arms": ARMS, "tuning": TUNING | changes})


def test_the_example_of_the_documentation_tunes_the_arms_of_a_preset() -> None:
    text = (Path(__file__).parents[3] / "docs" / "evaluation.md").read_text("utf-8")
    (block,) = re.findall(r'title="in a study\'s file"\n(.*?)```', text, flags=re.DOTALL)
    config = presets.load(
        "sandbox-smoke", [f"training.tuning={yaml.safe_load(block)['training']['tuning']}"]
    )
    tuning = config.training.tuning
    assert tuning is not None
    counts = {one.name: len(tuning.settings_of(one, 1)) for one in config.training.arms}
    assert counts == {"sft": 8, "prompt_tuning": 8, "dpo": 8}


def test_the_name_of_a_tuned_arm_is_its_own() -> None:
    with pytest.raises(ValueError, match="arm sft_tuned: that name is for 'sft' as tuned"):
        training([{"name": "sft_tuned", "method": "lora"}, {"name": "sft", "method": "lora"}])
