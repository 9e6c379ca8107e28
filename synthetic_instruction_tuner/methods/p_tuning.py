"""P-tuning: virtual tokens that come out of a small network (arXiv 2103.10385)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from synthetic_instruction_tuner.methods import MethodConfig


class Config(MethodConfig):
    """P-tuning; learning rate of PEFT's method comparison. The network is not shipped."""

    method: Literal["p_tuning"] = "p_tuning"
    learning_rate: float = Field(default=1e-4, gt=0, le=10)
    weight_decay: float = Field(default=0.0, ge=0, le=0)
    """Always 0, as for prompts."""
    virtual_tokens: int = Field(default=20, ge=1, le=1024)
    """Length of the prompt in tokens."""

    merges = False
    goes_on = False

    def adapter(self, model: Any) -> Any:
        """Return a `peft.PromptEncoderConfig` with an MLP as wide as the model."""
        from peft import PromptEncoderConfig, TaskType

        return PromptEncoderConfig(
            task_type=TaskType.CAUSAL_LM,
            num_virtual_tokens=self.virtual_tokens,
            encoder_hidden_size=model.config.hidden_size,
        )
