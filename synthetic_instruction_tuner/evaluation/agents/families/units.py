"""Feedback: machines refuse the unit that the user speaks in and say which one they take."""

from __future__ import annotations

from random import Random

from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, call, listed
from synthetic_instruction_tuner.evaluation.agents.item import Arguments, Check, State, Turn
from synthetic_instruction_tuner.evaluation.agents.tool import Tool, ToolError, integer, words

_DEVICES = {
    "scale": ("kg", "g", 1000),
    "pump": ("l", "ml", 1000),
    "timer": ("min", "s", 60),
    "cutter": ("m", "cm", 100),
    "clock": ("h", "min", 60),
}
"""Unit that the user speaks in, unit that the device takes, factor."""


def _set(state: State, arguments: Arguments) -> str:
    device, unit = arguments["device"].lower(), arguments["unit"].lower()
    if device not in _DEVICES:
        raise ToolError(f"there is no {device}; devices: {', '.join(sorted(_DEVICES))}")
    spoken, taken, factor = _DEVICES[device]
    if unit != taken:
        raise ToolError(f"{device} takes no {unit}, only {taken} (1 {spoken} = {factor} {taken})")
    state[device] = arguments["value"]
    return f"{device} set to {arguments['value']} {unit}"


SET = Tool(
    "set",
    "set a device to a value",
    {"device": words(), "value": integer(), "unit": words()},
    _set,
)


def _draw(rng: Random, level: int) -> Draft:
    devices = rng.sample(sorted(_DEVICES), level)
    wanted = {device: rng.randint(2, 19) for device in devices}
    gold: list[str] = []
    for device, value in wanted.items():
        spoken, taken, factor = _DEVICES[device]
        gold.append(call("set", device=device, value=value, unit=spoken))
        gold.append(call("set", device=device, value=value * factor, unit=taken))
    told = [f"the {device} to {value} {_DEVICES[device][0]}" for device, value in wanted.items()]
    goal = [[device, value * _DEVICES[device][2]] for device, value in wanted.items()]
    return Draft(
        (Turn(f"Set {listed(told)}.", until="done"),),
        (*gold, "DONE"),
        (Check("state", {"goal": goal}),),
        {},
    )


FAMILY = Family("feedback", "calls", _draw, (SET,))
