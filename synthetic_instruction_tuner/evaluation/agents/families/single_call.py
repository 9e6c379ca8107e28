"""Tool use: one call with one to four arguments; the only tool is the right one."""

from __future__ import annotations

from random import Random

from synthetic_instruction_tuner.evaluation.agents.catalog import (
    offer,
    request,
    tools,
    with_arguments,
)
from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, call
from synthetic_instruction_tuner.evaluation.agents.item import Check, Turn

_ARGUMENTS = {1: (1, 2), 2: (2, 3), 3: (3, 4)}
"""Least and most arguments by level."""


def _draw(rng: Random, level: int) -> Draft:
    one = request(rng, with_arguments(*_ARGUMENTS[level]))
    gold = call(one.kind.tool.name, **one.arguments)
    check = Check("calls", {"gold": [one.gold]})
    return Draft((Turn(one.said()),), (gold,), (check,), offered=offer(rng, [one.kind], 1))


FAMILY = Family("tool_use", "calls", _draw, tools())
