"""LoRA: low-rank updates of the linear layers (arXiv 2106.09685)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from synthetic_instruction_tuner.methods import MethodConfig


class LowRank(MethodConfig):
    """The settings that LoRA, its variants and what is trained on top of it share.

    All linear layers but the output layer are adapted, as QLoRA found necessary to match full
    fine-tuning (arXiv 2305.14314, section 4).
    """

    rank: int = Field(default=8, ge=1, le=1024)
    """Rank r of the update."""
    alpha: float = Field(default=16, gt=0)
    """Scale: the update is multiplied by alpha / r."""
    dropout: float = Field(default=0.05, ge=0, lt=1)
    """Dropout on the input of the update."""

    def adapter(self, model: Any) -> Any:
        """Return a `peft.LoraConfig` over all linear layers."""
        return low_rank(self)


def low_rank(config: LowRank, **variant: Any) -> Any:
    """Build the `peft.LoraConfig` of a variant (use_rslora, use_dora)."""
    from peft import LoraConfig, TaskType

    return LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=config.rank,
        lora_alpha=config.alpha,
        lora_dropout=config.dropout,
        target_modules="all-linear",
        **variant,
    )


class Config(LowRank):
    """LoRA SFT; defaults of the study's specification."""

    method: Literal["lora"] = "lora"
