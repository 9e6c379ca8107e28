"""Feedback: what is wanted is taken; the refusal names what is free, the user's rule decides."""

from __future__ import annotations

from random import Random

from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, call
from synthetic_instruction_tuner.evaluation.agents.item import Arguments, Check, State, Turn
from synthetic_instruction_tuner.evaluation.agents.tool import Tool, ToolError, integer, one_of
from synthetic_instruction_tuner.evaluation.agents.words import PEOPLE

_ROOMS = ("blue", "green", "red")
_HOURS = range(8, 19)


def _reserve(state: State, arguments: Arguments) -> str:
    room, hour = arguments["room"], arguments["hour"]
    taken = state[room]
    if hour not in _HOURS:
        raise ToolError(f"hours are {_HOURS[0]} to {_HOURS[-1]}")
    if str(hour) in taken:
        free = [str(one) for one in _HOURS if str(one) not in taken]
        raise ToolError(f"{room} is taken at {hour}; free: {', '.join(free)}")
    taken[str(hour)] = "you"
    return f"{room} reserved at {hour}"


RESERVE = Tool(
    "reserve",
    "reserve a room for one hour",
    {"room": one_of(*_ROOMS), "hour": integer()},
    _reserve,
)


def _draw(rng: Random, level: int) -> Draft | None:
    state: State = {room: {} for room in _ROOMS}
    rooms = rng.sample(_ROOMS, level)
    gold, goal, told = [], [], []
    for room in rooms:
        hours = list(_HOURS)
        for hour in rng.sample(hours, 7):
            state[room][str(hour)] = rng.choice(PEOPLE)
        hour = rng.choice(hours)
        free = [one for one in hours if str(one) not in state[room]]
        later = rng.random() < 0.5
        fit = [one for one in free if (one > hour) == later]
        if hour in free or not fit:
            return None
        new = min(fit) if later else max(fit)
        rule = "first free hour after it" if later else "last free hour before it"
        told.append(f"the {room} room at {hour}, or if that is taken, at the {rule}")
        gold += [call("reserve", room=room, hour=hour), call("reserve", room=room, hour=new)]
        goal.append([room, str(new), "you"])
    check = Check("state", {"goal": goal})
    user = f"Reserve {'; and '.join(told)}."
    return Draft((Turn(user, until="done"),), (*gold, "DONE"), (check,), state)


FAMILY = Family("feedback", "calls", _draw, (RESERVE,))
