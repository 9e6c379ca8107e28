"""What PEFT has no adapter for is refused by name before any weight is loaded."""

from pathlib import Path

import pytest
from support import architectures

from synthetic_instruction_tuner.config import TrainingConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.training.compatibility import check_arms

MIXTURES = ("qwen3_moe", "mixtral")


def settings(folder: Path, name: str, **arm: object) -> TrainingConfig:
    """Write a configuration without weights; return a training of one arm on it."""
    architectures.config_of(name).save_pretrained(folder)
    student = {"name": str(folder), "dtype": "float32"}
    return TrainingConfig.model_validate({"student": student, "arms": [{"name": "one"} | arm]})


@pytest.mark.parametrize("name", MIXTURES)
@pytest.mark.parametrize(
    ("arm", "advice"),
    [
        ({"method": "lora"}, r"lora_dropout != 0\. Set its dropout to 0"),
        ({"method": "dpo", "dropout": 0.1}, "Set its dropout to 0"),
        ({"method": "dora", "dropout": 0.0}, r"use_dora=True\. Use another method"),
    ],
)
def test_adapters_that_experts_do_not_take_are_refused(
    tmp_path: Path, name: str, arm: dict, advice: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"arm 'one': .* experts of .*{advice}"):
        check_arms(settings(tmp_path, name, **arm))


@pytest.mark.parametrize(
    ("name", "arm"),
    [
        *((name, {"method": "lora", "dropout": 0.0}) for name in MIXTURES),
        *((name, {"method": method}) for name in MIXTURES for method in ("full", "prompt_tuning")),
        ("llama", {"method": "lora"}),
    ],
)
def test_all_others_pass(tmp_path: Path, name: str, arm: dict) -> None:
    check_arms(settings(tmp_path, name, **arm))
