"""Length: instruction and response between so many words, counted on white space."""

from __future__ import annotations

from pydantic import Field

from synthetic_instruction_tuner.filtering.rule import RuleConfig


class Config(RuleConfig):
    """Thresholds; defaults of the study's specification."""

    min_words: int = Field(default=20, ge=0)
    """Least words."""
    max_words: int = Field(default=500, ge=1)
    """Most words."""
