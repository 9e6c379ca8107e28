"""Planning: measure an amount of water with jugs that have no marks."""

from __future__ import annotations

import json
from random import Random

from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, listed
from synthetic_instruction_tuner.evaluation.agents.item import Arguments, Check, State, Turn
from synthetic_instruction_tuner.evaluation.agents.search import Action, shortest_plan
from synthetic_instruction_tuner.evaluation.agents.tool import Tool, ToolError, words

_LENGTHS = {1: range(2, 4), 2: range(4, 6), 3: range(6, 10)}
"""Lengths of the shortest plan by level."""


def _known(state: State, *names: str) -> None:
    for name in names:
        if name not in state["_sizes"]:
            raise ToolError(f"there is no jug {name}")


def _fill(state: State, arguments: Arguments) -> str:
    jug = arguments["jug"].upper()
    _known(state, jug)
    state[jug] = state["_sizes"][jug]
    return f"{jug} holds {state[jug]}"


def _empty(state: State, arguments: Arguments) -> str:
    jug = arguments["jug"].upper()
    _known(state, jug)
    state[jug] = 0
    return f"{jug} is empty"


def _pour(state: State, arguments: Arguments) -> str:
    source, target = arguments["source"].upper(), arguments["target"].upper()
    _known(state, source, target)
    if source == target:
        raise ToolError("a jug cannot be poured into itself")
    amount = min(state[source], state["_sizes"][target] - state[target])
    state[source] -= amount
    state[target] += amount
    return f"{source} holds {state[source]}, {target} holds {state[target]}"


FILL = Tool("fill", "fill a jug at the tap", {"jug": words()}, _fill)
EMPTY = Tool("empty", "pour a jug away", {"jug": words()}, _empty)
POUR = Tool(
    "pour",
    "pour until the source is empty or the target is full",
    {"source": words(), "target": words()},
    _pour,
)


def _draw(rng: Random, level: int) -> Draft | None:
    names = ["A", "B", "C"][: 2 if level == 1 else rng.choice((2, 3))]
    sizes = dict(zip(names, rng.sample(range(3, 16), len(names)), strict=True))
    target, jug = rng.randint(1, max(sizes.values())), rng.choice(names)
    if target in sizes.values() or target > sizes[jug]:
        return None
    state: State = {**dict.fromkeys(names, 0), "_sizes": sizes}
    actions: list[Action] = [(tool, {"jug": name}) for tool in (FILL, EMPTY) for name in names]
    actions += [
        (POUR, {"source": one, "target": other}) for one in names for other in names if one != other
    ]
    goal = [[jug, target]]
    plan = shortest_plan(state, actions, goal, _LENGTHS[level][-1])
    if plan is None or len(plan) not in _LENGTHS[level]:
        return None
    jugs = listed([f"jug {name} holds at most {size} litres" for name, size in sizes.items()])
    user = (
        f"{jugs[0].upper() + jugs[1:]}. All jugs are empty at first, and there is a tap. "
        f"Goal: exactly {target} litre{'s' * (target > 1)} in jug {jug}."
    )
    check = Check("plan", {"goal": goal, "optimum": len(plan)})
    return Draft((Turn(user),), (json.dumps(plan),), (check,), state)


FAMILY = Family("planning", "plan", _draw, (FILL, EMPTY, POUR))
