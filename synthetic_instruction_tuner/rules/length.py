"""Length: so many words, counted on white space."""

from __future__ import annotations

from pydantic import Field

from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import RuleConfig, Violation
from synthetic_instruction_tuner.text import count_words

ORDER = 50


class Config(RuleConfig):
    """Bounds, both included; 20 to 500 words are the study's specification."""

    min_words: int = Field(default=20, ge=0)
    """Least words of instruction and response together, an exchange."""
    max_words: int = Field(default=500, ge=1)
    """Most words of instruction and response together, an exchange."""
    min_instruction_words: int = Field(default=3, ge=0)
    """Least words of an instruction."""
    min_response_words: int = Field(default=1, ge=0)
    """Least words of a response."""


def check(sample: Sample, config: Config) -> Violation | None:
    """Turn a row away if an exchange, an instruction or a response is too short or too long."""
    for user, assistant in zip(sample.user_turns, sample.assistant_turns, strict=False):
        asked, said = count_words(user), count_words(assistant)
        if asked < config.min_instruction_words:
            return Violation(asked, config.min_instruction_words)
        if said < config.min_response_words:
            return Violation(said, config.min_response_words)
        if asked + said < config.min_words:
            return Violation(asked + said, config.min_words)
        if asked + said > config.max_words:
            return Violation(asked + said, config.max_words)
    return None
