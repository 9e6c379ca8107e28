"""Planning: a robot carries things, one at a time, through rooms that are joined by doors."""

from __future__ import annotations

import json
from random import Random

from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, listed
from synthetic_instruction_tuner.evaluation.agents.item import Arguments, Check, State, Turn
from synthetic_instruction_tuner.evaluation.agents.search import shortest_plan
from synthetic_instruction_tuner.evaluation.agents.tool import Tool, ToolError, words
from synthetic_instruction_tuner.evaluation.agents.words import ROOMS, THINGS

_SIZES = {1: (3, 1, range(3, 6)), 2: (4, 2, range(6, 10)), 3: (4, 3, range(10, 14))}
"""Rooms, things and lengths of the shortest plan by level."""


def _go(state: State, arguments: Arguments) -> str:
    here, there = state["robot"], arguments["room"].lower()
    if [here, there] not in state["_doors"] and [there, here] not in state["_doors"]:
        raise ToolError(f"no door from {here} to {there}")
    state["robot"] = there
    return f"in {there}"


def _take(state: State, arguments: Arguments) -> str:
    thing = arguments["thing"].lower()
    if thing not in state["_things"] or state[thing] != state["robot"]:
        raise ToolError(f"no {thing} in {state['robot']}")
    if any(state[one] == "robot" for one in state["_things"]):
        raise ToolError("the robot's hand is full")
    state[thing] = "robot"
    return f"has {thing}"


def _drop(state: State, arguments: Arguments) -> str:
    thing = arguments["thing"].lower()
    if thing not in state["_things"] or state[thing] != "robot":
        raise ToolError(f"the robot does not carry {thing}")
    state[thing] = state["robot"]
    return f"{thing} in {state['robot']}"


GO = Tool("go", "move the robot through a door", {"room": words()}, _go)
TAKE = Tool("take", "pick up a thing in this room, with an empty hand", {"thing": words()}, _take)
DROP = Tool("drop", "put down the thing that is carried", {"thing": words()}, _drop)


def _draw(rng: Random, level: int) -> Draft | None:
    size, count, lengths = _SIZES[level]
    rooms, things = rng.sample(ROOMS, size), rng.sample(THINGS, count)
    doors = [[rooms[rng.randrange(index)], rooms[index]] for index in range(1, size)]
    state: State = {"robot": rng.choice(rooms)}
    goal = []
    for thing in things:
        start, end = rng.sample(rooms, 2)
        state[thing] = start
        goal.append([thing, end])
    state |= {"_doors": doors, "_things": things}
    actions = [(GO, {"room": room}) for room in rooms]
    actions += [(tool, {"thing": thing}) for tool in (TAKE, DROP) for thing in things]
    plan = shortest_plan(state, actions, goal, lengths[-1])
    if plan is None or len(plan) not in lengths:
        return None
    user = (
        f"Doors: {', '.join('-'.join(door) for door in doors)}. "
        f"The robot is in the {state['robot']}; it carries one thing at a time. "
        + " ".join(f"The {thing} is in the {state[thing]}." for thing in things)
        + f" Bring {listed([f'the {thing} to the {room}' for thing, room in goal])}."
    )
    check = Check("plan", {"goal": goal, "optimum": len(plan)})
    return Draft((Turn(user),), (json.dumps(plan),), (check,), state)


FAMILY = Family("planning", "plan", _draw, (GO, TAKE, DROP))
