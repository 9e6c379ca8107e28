"""Tool use: several requests at once, answered by one list of calls."""

from __future__ import annotations

from random import Random

from synthetic_instruction_tuner.evaluation.agents.catalog import KINDS, offer, request, tools
from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, call, together
from synthetic_instruction_tuner.evaluation.agents.item import Check, Turn

_CALLS = {1: 2, 2: 3, 3: 4}


def _draw(rng: Random, level: int) -> Draft | None:
    kinds = [rng.choice(KINDS)] if level == 1 else rng.sample(KINDS, level)
    requests = [request(rng, kinds) for _ in range(_CALLS[level])]
    if len({one.said() for one in requests}) < len(requests):
        return None
    gold = together(*(call(one.kind.tool.name, **one.arguments) for one in requests))
    check = Check("calls", {"gold": [one.gold for one in requests]})
    offered = offer(rng, [one.kind for one in requests], level + 1)
    said = "Do all of this at once. " + " ".join(one.said() for one in requests)
    return Draft((Turn(said),), (gold,), (check,), offered=offered)


FAMILY = Family("tool_use", "calls", _draw, tools())
