"""Tool use: a required value is missing; it has to be asked for, then used."""

from __future__ import annotations

from random import Random

from synthetic_instruction_tuner.evaluation.agents.catalog import (
    ASKED,
    offer,
    request,
    tools,
    with_arguments,
)
from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, call
from synthetic_instruction_tuner.evaluation.agents.item import Check, Turn

_OFFERED = {1: 1, 2: 3, 3: 5}


def _draw(rng: Random, level: int) -> Draft:
    one = request(rng, with_arguments(2, level + 1))
    missing = rng.choice(sorted(one.arguments))
    gold = call(one.kind.tool.name, **one.arguments)
    checks = (
        Check("asks", {"words": list(ASKED[missing])}, turn=0),
        Check("calls", {"gold": [one.gold]}, turn=1),
    )
    turns = (Turn(one.said(without=missing)), Turn(f"{missing}: {one.arguments[missing]}"))
    offered = offer(rng, [one.kind], _OFFERED[level])
    return Draft(turns, (f"ASK: {missing}", gold), checks, offered=offered)


FAMILY = Family("tool_use", "calls", _draw, tools())
