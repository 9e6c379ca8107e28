"""What a filter rule is: one file in `rules/` with `ORDER`, `Config` and `check`.

`ORDER` is the rule's place in the funnel: a row counts for the first rule that rejects it, so
cheap and structural rules come before judgements of content. `check(sample, config)` returns a
`Violation` or None and depends on nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple, Protocol

from synthetic_instruction_tuner.discovery import discover
from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.settings import Settings


class Rule(Protocol):
    """What a file of this package has."""

    ORDER: int
    Config: type[RuleConfig]

    @staticmethod
    def check(sample: Sample, config: Any, /) -> Violation | None:
        """Judge a row by the rule's own `Config`."""


class RuleConfig(Settings):
    """Settings every rule has."""

    enabled: bool = True
    """Apply this rule."""


class Violation(NamedTuple):
    """Why a rule turns a row away.

    Attributes:
        value: What was measured, or the words that were found.
        threshold: What the rule allows.
    """

    value: str | float
    threshold: str | float


class Verdict(NamedTuple):
    """The first rule that turns a row away, and why."""

    rule: str
    violation: Violation


@cache
def all_rules() -> Mapping[str, Rule]:
    """Return the rules by name, in the order of the funnel."""
    found = discover(sys.modules[__name__], Rule)
    return dict(sorted(found.items(), key=lambda one: (one[1].ORDER, one[0])))


def judge(sample: Sample, settings: Settings) -> Verdict | None:
    """Apply the enabled rules in order.

    Args:
        sample: The row.
        settings: One `Config` a rule, by rule name (`config.filtering.rules`).

    Returns:
        The first rule that turns the row away, None if it passes all.
    """
    for name, module in all_rules().items():
        config: RuleConfig = getattr(settings, name)
        if config.enabled:
            violation = module.check(sample, config)
            if violation is not None:
                return Verdict(name, violation)
    return None
