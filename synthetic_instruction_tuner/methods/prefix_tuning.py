"""Prefix tuning: trained keys and values before those of every layer (arXiv 2101.00190)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from synthetic_instruction_tuner.methods import MethodConfig

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Config(MethodConfig):
    """Prefix tuning; learning rate of the better prefix runs of PEFT's method comparison."""

    label = "Prefix tuning"
    what = "trained keys and values in every layer"
    method: Literal["prefix_tuning"] = "prefix_tuning"
    learning_rate: float = Field(default=5e-3, gt=0, le=10)
    weight_decay: float = Field(default=0.0, ge=0, le=0)
    """Always 0, as for prompts."""
    virtual_tokens: int = Field(default=20, ge=1, le=1024)
    """Length of the prefix in tokens."""
    projection: bool = False
    """Train through an MLP, which the paper needed for stability."""

    kind = "PREFIX_TUNING"

    def options_for(self, model: PreTrainedModel) -> dict[str, object]:
        """Return the fields of a `peft.PrefixTuningConfig`."""
        return {
            "num_virtual_tokens": self.virtual_tokens,
            "prefix_projection": self.projection,
            "encoder_hidden_size": model.config.hidden_size if self.projection else None,
        }
