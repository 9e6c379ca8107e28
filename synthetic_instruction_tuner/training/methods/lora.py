"""LoRA: low-rank updates of the linear layers (arXiv 2106.09685)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthetic_instruction_tuner.training.method import MethodConfig


class Config(MethodConfig):
    """LoRA SFT; defaults of the study's specification."""

    method: Literal["lora"] = "lora"
    rank: int = Field(default=8, ge=1, le=1024)
    """Rank r of the update."""
    alpha: float = Field(default=16, gt=0)
    """Scale: the update is multiplied by alpha / r."""
    dropout: float = Field(default=0.05, ge=0, lt=1)
    """Dropout on the input of the update."""
