"""Planning: the blocks world. One block is moved at a time, if nothing lies on it."""

from __future__ import annotations

import json
from random import Random

from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, listed
from synthetic_instruction_tuner.evaluation.agents.item import Arguments, Check, State, Turn
from synthetic_instruction_tuner.evaluation.agents.search import shortest_plan
from synthetic_instruction_tuner.evaluation.agents.tool import Tool, ToolError, words
from synthetic_instruction_tuner.evaluation.agents.words import COLOURS

_SIZES = {1: (3, range(2, 4)), 2: (4, range(4, 6)), 3: (5, range(5, 8))}
"""Blocks and lengths of the shortest plan by level."""


def _move(state: State, arguments: Arguments) -> str:
    block, onto = arguments["block"].lower(), arguments["onto"].lower()
    if block not in state or (onto not in state and onto != "table") or block == onto:
        raise ToolError(f"no such move: {block} onto {onto}")
    for one in (block, onto):
        if one != "table" and one in state.values():
            raise ToolError(f"something lies on {one}")
    if state[block] == onto:
        raise ToolError(f"{block} already lies on {onto}")
    state[block] = onto
    return f"{block} on {onto}"


MOVE = Tool(
    "move",
    "lift a free block onto a free block or the table",
    {"block": words(), "onto": words()},
    _move,
)


def _stacks(rng: Random, blocks: list[str]) -> State:
    """Put blocks on random stacks."""
    state: State = {}
    for block in rng.sample(blocks, len(blocks)):
        free = [one for one in state if one not in state.values()]
        state[block] = rng.choice(["table", *free, *free])
    return {block: state[block] for block in sorted(blocks)}


def _draw(rng: Random, level: int) -> Draft | None:
    size, lengths = _SIZES[level]
    blocks = rng.sample(COLOURS, size)
    state, end = _stacks(rng, blocks), _stacks(rng, blocks)
    goal = [[block, onto] for block, onto in end.items() if onto != "table"]
    if len(goal) < size - 2:
        return None
    actions = [
        (MOVE, {"block": block, "onto": onto})
        for block in blocks
        for onto in (*blocks, "table")
        if block != onto
    ]
    plan = shortest_plan(state, actions, goal, lengths[-1])
    if plan is None or len(plan) not in lengths:
        return None
    now = ". ".join(
        f"{block.capitalize()} is on {onto if onto in state else 'the table'}"
        for block, onto in state.items()
    )
    user = f"Blocks: {now}. Goal: {listed([f'{block} on {onto}' for block, onto in goal])}."
    check = Check("plan", {"goal": goal, "optimum": len(plan)})
    return Draft((Turn(user),), (json.dumps(plan),), (check,), state)


FAMILY = Family("planning", "plan", _draw, (MOVE,))
