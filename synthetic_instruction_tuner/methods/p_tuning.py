"""P-tuning: virtual tokens that come out of a small network (arXiv 2103.10385)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from synthetic_instruction_tuner.methods import MethodConfig

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Config(MethodConfig):
    """P-tuning; learning rate of PEFT's method comparison. The network is not shipped."""

    label = "P-tuning"
    what = "virtual tokens out of a small network"
    method: Literal["p_tuning"] = "p_tuning"
    learning_rate: float = Field(default=1e-4, gt=0, le=10)
    weight_decay: float = Field(default=0.0, ge=0, le=0)
    """Always 0, as for prompts."""
    virtual_tokens: int = Field(default=20, ge=1, le=1024)
    """Length of the prompt in tokens."""

    kind = "P_TUNING"

    def options_for(self, model: PreTrainedModel) -> dict[str, object]:
        """Return the fields of a `peft.PromptEncoderConfig`; its MLP is as wide as the model."""
        return {"num_virtual_tokens": self.virtual_tokens}
