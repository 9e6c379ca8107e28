"""The closed world's tier: requests as the embedded models know them, one tool call each.

The general tier asks for far more than a model of a million parameters can do, and a suite in
which every model scores nothing compares nothing. Here the tools, the form of a call and the
system turn are the closed world's own; level n is a conversation of n requests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from random import Random
from typing import Any

from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family
from synthetic_instruction_tuner.evaluation.agents.item import Arguments, Check, Turn
from synthetic_instruction_tuner.evaluation.agents.tool import Tool, integer, one_of, words

PREFIX = "world_"
"""What the names of these families start with, before the tool that comes first."""

TOOLS = (
    Tool(
        "weather",
        "forecast for a city",
        {"city": words(), "day": one_of("today", "tomorrow", "tonight")},
    ),
    Tool("timer", "start a timer", {"minutes": integer()}),
    Tool("message", "write to a person", {"to": words(), "text": words()}),
    Tool("reminder", "remind the user at an hour", {"hour": integer(), "text": words()}),
    Tool("calculator", "work out an expression", {"expression": words()}),
    Tool("shopping", "put items on the shopping list", {"item": words(), "count": integer()}),
)


@cache
def families() -> Mapping[str, Family]:
    """Return one family a tool, by name."""
    from synthetic_instruction_tuner.sandbox.domains import DOMAINS

    return {
        PREFIX + tool.name: Family(
            "tool_use", "calls", _drawing(tool.name), TOOLS, system=DOMAINS["tools"]
        )
        for tool in TOOLS
    }


def _drawing(first: str) -> Any:
    """Return what draws items whose first request needs this tool."""

    def draw(rng: Random, level: int) -> Draft:
        others = [tool.name for tool in TOOLS if tool.name != first]
        asked = [_request(name, rng) for name in [first, *rng.sample(others, level - 1)]]
        checks = tuple(
            Check("calls", {"gold": [_gold(call)]}, turn=place)
            for place, (_, call) in enumerate(asked)
        )
        return Draft(
            tuple(Turn(said) for said, _ in asked), tuple(call for _, call in asked), checks
        )

    return draw


def _request(tool: str, rng: Random) -> tuple[str, str]:
    """Draw a request and the call that answers it; half of the wordings are in no corpus."""
    from synthetic_instruction_tuner.sandbox.families import family_named
    from synthetic_instruction_tuner.sandbox.prompts import Wording, draw_prompt

    wordings: tuple[Wording, ...] = ("seen", "held_out")
    drawn = draw_prompt(family_named(tool), rng, wording=rng.choice(wordings))
    return drawn.instruction, drawn.answer


def _gold(call: str) -> Arguments:
    """Read a call as a check wants it."""
    arguments = json.loads(call)
    return {"tool": arguments.pop("tool"), "arguments": arguments}
