"""DPO: the policy learns to prefer chosen over rejected responses (arXiv 2305.18290)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthetic_instruction_tuner.training.method import MethodConfig


class Config(MethodConfig):
    """DPO from an SFT adapter; defaults of the study's specification."""

    method: Literal["dpo"] = "dpo"
    data: Literal["sft", "preference"] = "preference"
    epochs: float = Field(default=1, gt=0, le=1000)
    batch_size: int = Field(default=2, ge=1, le=4096)
    learning_rate: float = Field(default=5e-5, gt=0, le=10)
    beta: float = Field(default=0.1, gt=0)
    """How strongly the policy is held to the reference."""
