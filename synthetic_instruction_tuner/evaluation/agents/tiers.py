"""The tiers of the suite: items for models of any kind, and items of the closed world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from synthetic_instruction_tuner.evaluation.agents import closed_world, family
from synthetic_instruction_tuner.evaluation.agents.family import Family

Tier = Literal["general", "closed_world"]
TIERS: Mapping[Tier, Callable[[], Mapping[str, Family]]] = {
    "general": family.families,
    "closed_world": closed_world.families,
}
"""Families by name, by tier."""


def family_named(name: str) -> Family:
    """Return a family of any tier."""
    return next(families()[name] for families in TIERS.values() if name in families())
