"""Empty: an instruction or a response without a single letter or digit."""

from __future__ import annotations

from synthetic_instruction_tuner.filtering.rule import RuleConfig, Violation
from synthetic_instruction_tuner.filtering.text import assistant_turns, user_turns
from synthetic_instruction_tuner.records import Sample

ORDER = 20


class Config(RuleConfig):
    """Nothing to set."""


def check(sample: Sample, config: Config) -> Violation | None:
    """Turn a row away if one of its turns says nothing."""
    for role, turns in (("instruction", user_turns(sample)), ("response", assistant_turns(sample))):
        if not turns or any(not any(map(str.isalnum, turn)) for turn in turns):
            return Violation(f"empty {role}", "a letter or digit in every turn")
    return None
