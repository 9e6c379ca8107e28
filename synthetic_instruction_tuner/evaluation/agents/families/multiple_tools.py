"""Tool use: one call, to be chosen from several offered tools."""

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

_OFFERED = {1: 3, 2: 5, 3: 8}


def _draw(rng: Random, level: int) -> Draft:
    one = request(rng, with_arguments(1, level + 1))
    gold = call(one.kind.tool.name, **one.arguments)
    check = Check("calls", {"gold": [one.gold]})
    offered = offer(rng, [one.kind], _OFFERED[level])
    return Draft((Turn(one.said()),), (gold,), (check,), offered=offered)


FAMILY = Family("tool_use", "calls", _draw, tools())
