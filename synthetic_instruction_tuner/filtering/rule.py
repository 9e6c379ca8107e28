"""What a filter rule is: one file in `filtering/rules/` with a `Config` and a `check`."""

from __future__ import annotations

from typing import NamedTuple

from synthetic_instruction_tuner.settings import Settings


class RuleConfig(Settings):
    """Settings every rule has."""

    enabled: bool = True
    """Apply this rule."""


class Violation(NamedTuple):
    """Why a rule turns a row away."""

    value: str | float
    threshold: str | float
