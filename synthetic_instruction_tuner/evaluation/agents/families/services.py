"""Planning: programs are started and stopped; some need others, some exclude each other."""

from __future__ import annotations

import json
from random import Random

from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, listed
from synthetic_instruction_tuner.evaluation.agents.item import Arguments, Check, State, Turn
from synthetic_instruction_tuner.evaluation.agents.search import shortest_plan
from synthetic_instruction_tuner.evaluation.agents.tool import Tool, ToolError, words

_NAMES = ("mail", "web", "cache", "search", "backup", "chat", "shop", "login", "files", "print")
_SIZES = {1: (3, 1, range(2, 5)), 2: (4, 2, range(4, 7)), 3: (6, 3, range(6, 10))}
"""Programs to be started, running programs in the way, lengths of the shortest plan, by level."""


def _known(state: State, name: str) -> None:
    if name not in state["_needs"]:
        raise ToolError(f"there is no program {name}")


def _start(state: State, arguments: Arguments) -> str:
    name = arguments["program"].lower()
    _known(state, name)
    missing = [one for one in state["_needs"][name] if state[one] != "on"]
    if missing:
        raise ToolError(f"{name} needs {missing[0]}")
    for pair in state["_apart"]:
        if name in pair and any(state[one] == "on" for one in pair if one != name):
            raise ToolError(f"{' and '.join(pair)} cannot both run")
    if state[name] == "on":
        raise ToolError(f"{name} already runs")
    state[name] = "on"
    return f"{name} runs"


def _stop(state: State, arguments: Arguments) -> str:
    name = arguments["program"].lower()
    _known(state, name)
    users = [one for one, needs in state["_needs"].items() if name in needs and state[one] == "on"]
    if users:
        raise ToolError(f"{users[0]} needs {name}")
    if state[name] == "off":
        raise ToolError(f"{name} does not run")
    state[name] = "off"
    return f"{name} stopped"


START = Tool("start", "start a program; all it needs must run", {"program": words()}, _start)
STOP = Tool("stop", "stop a program; no running program may need it", {"program": words()}, _stop)


def _draw(rng: Random, level: int) -> Draft | None:
    size, count, lengths = _SIZES[level]
    names = rng.sample(_NAMES, size + count)
    wanted, running = names[:size], names[size:]
    needs = {name: sorted(rng.sample(wanted[:i], min(i, 2))) for i, name in enumerate(wanted)}
    needs |= {name: running[max(0, i - 1) : i] for i, name in enumerate(running)}
    apart = [sorted((running[0], rng.choice(wanted)))]
    state: State = {**dict.fromkeys(wanted, "off"), **dict.fromkeys(running, "on")}
    state |= {"_needs": needs, "_apart": apart}
    goal = [[name, "on"] for name in wanted[-level:]]
    actions = [(tool, {"program": name}) for tool in (START, STOP) for name in names]
    plan = shortest_plan(state, actions, goal, lengths[-1])
    if plan is None or len(plan) not in lengths:
        return None
    user = (
        " ".join(f"{name} needs {listed(needs[name])}." for name in sorted(names) if needs[name])
        + "".join(f" {' and '.join(pair)} cannot both run." for pair in apart)
        + f" Programs that run now: {', '.join(sorted(running))}."
        + f" Goal: {listed([name for name, _ in goal])} must run."
    )
    check = Check("plan", {"goal": goal, "optimum": len(plan)})
    return Draft((Turn(user),), (json.dumps(plan),), (check,), state)


FAMILY = Family("planning", "plan", _draw, (START, STOP))
