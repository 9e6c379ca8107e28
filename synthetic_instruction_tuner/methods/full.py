"""Full fine-tuning: every weight of the base is trained; for small models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from synthetic_instruction_tuner.methods import MethodConfig
from synthetic_instruction_tuner.methods.adapters.kinds import Limits

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel


class Config(MethodConfig):
    """Full fine-tuning; learning rate of PEFT's method comparison. Needs 16 bytes a parameter."""

    label = "Full fine-tuning"
    what = "every weight of the student"
    method: Literal["full"] = "full"
    learning_rate: float = Field(default=1e-5, gt=0, le=10)

    trains_base = True

    def limits(self) -> Limits:
        """Train weights that are whole; there is nothing to merge."""
        return Limits(merges=False, quantizations=("none",))

    def adapter(self, model: PreTrainedModel, steps: int | None = None) -> PeftConfig:
        """Return None: the base itself is trained."""
        return None
