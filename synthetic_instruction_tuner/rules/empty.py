"""Empty: an instruction or a response without a single letter or digit."""

from __future__ import annotations

from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import RuleConfig, Violation

ORDER = 20


class Config(RuleConfig):
    """Nothing to set."""


def check(sample: Sample, config: Config) -> Violation | None:
    """Turn a row away if one of its turns says nothing."""
    for role, turns in (("instruction", sample.user_turns), ("response", sample.assistant_turns)):
        if not turns or any(not any(map(str.isalnum, turn)) for turn in turns):
            return Violation(f"empty {role}", "a letter or digit in every turn")
    return None
