"""Full fine-tuning: every weight of the base is trained; for small models."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from synthetic_instruction_tuner.methods import MethodConfig


class Config(MethodConfig):
    """Full fine-tuning; learning rate of PEFT's method comparison. Needs 16 bytes a parameter."""

    method: Literal["full"] = "full"
    learning_rate: float = Field(default=1e-5, gt=0, le=10)

    merges = False
    quantizations = ("none",)
    trains_base = True

    def adapter(self, model: Any) -> Any:
        """Return None: the base itself is trained."""
        return None
