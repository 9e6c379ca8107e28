"""A method's adapter on a model without weights: what can be said before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from synthetic_instruction_tuner.methods import MethodConfig

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

CACHED = ("PREFIX_TUNING", "CARTRIDGE")
"""Kinds of prompts that stand in the cache alone."""


def adapt(arm: MethodConfig, base: PreTrainedModel) -> PeftModel:
    """Put a method's adapter on a model of the meta device.

    Adapters that PEFT builds from the numbers of the weights have LoRA's in their place.

    Raises:
        ConfigurationError: If an option or the name of a layer is not known.
        ValueError: If PEFT has no such adapter for the model.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    if arm.trains_base:
        return base
    config = arm.adapter(base)
    if not arm.limits().planned:
        config = LoraConfig(task_type="CAUSAL_LM", target_modules="all-linear")
    with torch.device("meta"):
        return get_peft_model(base, config)


def virtual_tokens(adapted: PeftModel) -> int:
    """Count the virtual tokens that go through the layers; prefixes stand in the cache alone."""
    for config in getattr(adapted, "peft_config", {}).values():
        if config.is_prompt_learning and config.peft_type not in CACHED:
            return int(config.num_virtual_tokens)
    return 0
