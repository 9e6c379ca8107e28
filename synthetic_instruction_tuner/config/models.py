"""A model and how tokens are drawn from it: what several stages need."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, model_validator

from synthetic_instruction_tuner.settings import Settings

NAME = r"^[a-z][a-z0-9_-]*$"
"""What names of studies, domains and responders look like: they become folders and columns."""


class ModelConfig(Settings):
    """Which model, and how it is loaded."""

    name: str = Field(min_length=1)
    """Hugging Face id, a local folder, or "sandbox:teacher" (responder, student, reward)."""
    revision: str = "main"
    """Git revision on the Hub; pin a commit for a study that others should repeat exactly."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Compute type; auto: bfloat16 from compute capability 8.0, float16 below, float32 on CPU."""
    quantization: Literal["none", "nf4", "int8"] = "none"
    """Weights in memory: as they are, 4-bit NF4 with double quantisation, or 8-bit."""
    family: str | None = None
    """Chat-template family (see `tuner doctor`); recognised from the tokenizer if not given."""
    trust_remote_code: bool = False
    """Run Python code that the model repository ships; needs a pinned revision."""

    @model_validator(mode="after")
    def _pin_foreign_code(self) -> ModelConfig:
        if self.trust_remote_code and not re.fullmatch("[0-9a-f]{40}", self.revision):
            raise ValueError(
                "trust_remote_code=true needs a pinned revision, a commit of 40 hexadecimal "
                f"digits, not {self.revision!r}: branches and tags move"
            )
        return self


class SamplingConfig(Settings):
    """How tokens are drawn."""

    temperature: float = Field(default=1.0, ge=0, le=5)
    """Softmax temperature; 0 is greedy."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Nucleus: smallest set of tokens with at least this probability."""
    max_new_tokens: int = Field(default=512, ge=1, le=131072)
    """Most tokens drawn; what ends here is marked "length"."""
