"""Prompt tuning: trained virtual tokens before the input, the model frozen (arXiv 2104.08691)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from synthetic_instruction_tuner.training.method import MethodConfig


class Config(MethodConfig):
    """Prompt tuning; defaults of the study's specification."""

    method: Literal["prompt_tuning"] = "prompt_tuning"
    learning_rate: float = Field(default=3e-4, gt=0, le=10)
    virtual_tokens: int = Field(default=20, ge=1, le=1024)
    """Length of the soft prompt in tokens."""
    init: Literal["random", "vocabulary", "text"] = "random"
    """Start values: N(0, 1), embeddings of random words, or of `init_text`."""
    init_text: str = "Answer the question correctly and briefly."
    """Text whose embeddings start the prompt, for init "text"."""
