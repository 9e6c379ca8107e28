"""IA3: keys, values and feed-forward activations are rescaled (arXiv 2205.05638)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthetic_instruction_tuner.methods import MethodConfig


class Config(MethodConfig):
    """IA3 on the layers that PEFT's table names for the family."""

    label = "IA3"
    what = "trained scales of activations"
    method: Literal["ia3"] = "ia3"
    kind = "IA3"
    learning_rate: float = Field(default=3e-3, gt=0, le=10)
    """Peak learning rate; 3e-3 is the paper's."""
