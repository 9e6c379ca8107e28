"""Options of PEFT: what is refused before PEFT is loaded, and what an arm without them is."""

import pytest

from synthetic_instruction_tuner.config import TrainingConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.methods.adapters.kinds import KINDS
from synthetic_instruction_tuner.methods.lora import Config as Lora
from synthetic_instruction_tuner.methods.peft import Config as Peft
from synthetic_instruction_tuner.training.compatibility import check


def student(quantization: str = "none") -> TrainingConfig:
    chosen = {"name": "m", "quantization": quantization}
    return TrainingConfig.model_validate({"student": chosen})


@pytest.mark.parametrize("method", ["lora", "rslora", "dora", "dpo"])
def test_options_at_their_defaults_are_no_part_of_what_an_arm_is(method: str) -> None:
    (arm,) = TrainingConfig.model_validate({"arms": [{"name": "a", "method": method}]}).arms
    before = {
        "method", "epochs", "batch_size", "learning_rate", "schedule", "warmup_share", "data",
        "weight_decay", "max_grad_norm", "start_from", "rank", "alpha", "dropout",
    }  # fmt: skip
    assert set(arm.specification()) - {"beta"} == before


def test_an_option_that_is_set_is_part_of_what_an_arm_is() -> None:
    arm = Lora(name="a", target_modules=("q_proj",), init_lora_weights="pissa")
    found = arm.specification()
    assert found["target_modules"] == ["q_proj"]
    assert found["init_lora_weights"] == "pissa"
    assert "rank_pattern" not in found
    assert len({arm, Lora(name="a", rank_pattern={"q_proj": 2})}) == 2  # plans are kept by arm


@pytest.mark.parametrize("name", ["eva", "corda", "lora_ga"])
def test_starts_that_need_data_are_refused_with_the_reason(name: str) -> None:
    with pytest.raises(ValueError, match=rf"allowed: true, .*pissa.*'{name}' needs"):
        Lora(name="a", init_lora_weights=name)


@pytest.mark.parametrize("name", ["pissa", "pissa_niter_16", "olora", "mica"])
def test_starts_from_the_weights_need_whole_ones(name: str) -> None:
    arm = Lora(name="a", init_lora_weights=name)
    check(arm, student(), None)
    with pytest.raises(ConfigurationError, match=r"quantization='nf4'.*allowed: none"):
        check(arm, student("nf4"), None)


def test_dora_as_an_option_goes_with_what_the_method_goes_with() -> None:
    arm = Lora(name="a", use_dora=True)
    check(arm, student("nf4"), None)
    with pytest.raises(ConfigurationError, match="quantization='int8'"):
        check(arm, student("int8"), None)


@pytest.mark.parametrize("kind", [kind for kind, limits in KINDS.items() if limits.refused])
def test_what_cannot_be_trained_is_refused_with_the_reason(kind: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"'peft \({kind}\)' cannot be trained here: it "):
        check(Peft(name="a", peft_type=kind.lower()), student(), None)


@pytest.mark.parametrize(("kind", "held"), [("hra", "int8"), ("loha", "nf4"), ("peanut", "int8")])
def test_kinds_that_read_the_weights_need_whole_ones(kind: str, held: str) -> None:
    with pytest.raises(ConfigurationError, match=f"quantization='{held}' does not go with method"):
        check(Peft(name="a", peft_type=kind), student(held), None)


def test_a_prompt_takes_its_tokens_from_every_models_context() -> None:
    options = {"num_virtual_tokens": 7}
    assert Peft(name="a", peft_type="prefix_tuning", options=options).virtual_tokens == 7
    assert Peft(name="a", peft_type="cartridge").virtual_tokens == 20
    assert Peft(name="a", peft_type="loha").virtual_tokens == 0
