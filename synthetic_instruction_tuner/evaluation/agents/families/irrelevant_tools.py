"""Tool use: no offered tool fits the first request; one fits the second.

The second request keeps an agent that always abstains from winning the family.
"""

from __future__ import annotations

from random import Random

from synthetic_instruction_tuner.evaluation.agents.catalog import KINDS, offer, request, tools
from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, call
from synthetic_instruction_tuner.evaluation.agents.item import Check, Turn

_OFFERED = {1: 1, 2: 3, 3: 5}


def _draw(rng: Random, level: int) -> Draft | None:
    vain, other = request(rng, KINDS), request(rng, KINDS)
    if vain.kind is other.kind:
        return None
    gold = call(other.kind.tool.name, **other.arguments)
    checks = (Check("no_call", turn=0), Check("calls", {"gold": [other.gold]}, turn=1))
    offered = offer(rng, [other.kind], _OFFERED[level], never=vain.kind)
    turns = (Turn(vain.said()), Turn(other.said()))
    return Draft(turns, ("NO TOOL", gold), checks, offered=offered)


FAMILY = Family("tool_use", "calls", _draw, tools())
