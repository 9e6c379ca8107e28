"""Harmful content by keyword: coarse, and off unless a study asks for it.

Keywords cannot tell a history lesson from a threat; a row that also has a word of learning or
prevention passes. A study that needs safety should use a classifier instead.
"""

from __future__ import annotations

import re

from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import RuleConfig, Violation

ORDER = 100


class Config(RuleConfig):
    """Words that turn a row away, and words that excuse it."""

    enabled: bool = False
    """Apply this rule."""
    keywords: tuple[str, ...] = (
        "build a bomb", "make a bomb", "child abuse", "commit suicide", "kill someone",
        "kill yourself", "murder someone", "hack into", "steal password", "steal passwords",
        "illegal drugs", "terrorist attack", "make a weapon", "credit card fraud",
    )  # fmt: skip
    """Words or phrases, without case, at word boundaries."""
    excuses: tuple[str, ...] = (
        "history", "historical", "prevention", "prevent", "awareness", "education", "study",
        "helpline",
    )  # fmt: skip
    """Words of learning and prevention."""


def check(sample: Sample, config: Config) -> Violation | None:
    """Turn a row away if it has a keyword and no excuse."""
    text = " ".join((*sample.user_turns, *sample.assistant_turns))
    found = _first(config.keywords, text)
    if found is None or _first(config.excuses, text) is not None:
        return None
    return Violation(found, "no harmful keyword")


def _first(words: tuple[str, ...], text: str) -> str | None:
    for word in words:
        if re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE):
            return word
    return None
