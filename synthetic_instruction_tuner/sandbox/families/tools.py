"""Tools: requests that are answered by one tool call, written as a JSON object."""

import json
from random import Random

from synthetic_instruction_tuner.sandbox import tables
from synthetic_instruction_tuner.sandbox.family import Family
from synthetic_instruction_tuner.sandbox.wording import Slots

_CITIES = tuple(city for city in tables.CAPITALS.values() if " " not in city)
_WHEN = ("today", "tomorrow", "tonight")
_OPERATORS = {"plus": "+", "minus": "-", "times": "*"}
_MESSAGES = (
    "I am late", "see you soon", "call me back", "the food is ready", "good luck",
    "the train is late", "I am at home", "happy birthday", "the test is over", "dinner is at eight",
)  # fmt: skip


def call(tool: str, **arguments: str | int) -> str:
    """Write a tool call."""
    return json.dumps({"tool": tool, **arguments})


def _weather(rng: Random) -> Slots:
    return {"proper": rng.choice(_CITIES), "w": rng.choice(_WHEN)}


def _reminder(rng: Random) -> Slots:
    activity = rng.choice(sorted(tables.ACTIVITIES))
    return {"text": activity, "n1": str(rng.randint(1, 23))}


def _calculation(rng: Random) -> Slots:
    return {
        "n1": str(rng.randint(2, 99)),
        "n2": str(rng.randint(2, 99)),
        "w": rng.choice(sorted(_OPERATORS)),
    }


def _calculated(slots: Slots) -> str | None:
    sign = _OPERATORS.get(slots["w"].lower())
    return (
        None
        if sign is None
        else call("calculator", expression=f"{slots['n1']} {sign} {slots['n2']}")
    )


FAMILIES = (
    Family(
        "weather",
        "tools",
        (
            "<Use|Call> the weather tool for {proper} {w}.",
            "<Look up|Check|Get> the weather in {proper} {w} with <a|the> tool.",
            "I need the weather in {proper} {w}<. Call the tool|. Use the tool>.",
        ),
        ("<Check|Get> the weather for {proper} {w} with the weather tool.",),
        _weather,
        lambda s: call("weather", city=s["proper"], day=s["w"]) if s["w"] in _WHEN else None,
    ),
    Family(
        "timer",
        "tools",
        (
            "<Set|Start> a timer for {n1} minutes<| with the tool>.",
            "<Use|Call> the timer tool for {n1} minutes.",
            "I need a timer for {n1} minutes<. Call the tool|. Use the tool>.",
        ),
        ("<Start|Set> the timer tool for {n1} minutes.",),
        lambda rng: {"n1": str(rng.randint(1, 90))},
        lambda s: call("timer", minutes=int(s["n1"])),
    ),
    Family(
        "message",
        "tools",
        (
            "<Send|Write> {name} <the message|this message>: {text}.",
            "<Use|Call> the message tool to tell {name}: {text}.",
            "<Tell|Let> {name} <know |>with the message tool: {text}.",
        ),
        ("<Send|Write> this message to {name}: {text}.",),
        lambda rng: {"name": rng.choice(tables.NAMES), "text": rng.choice(_MESSAGES)},
        lambda s: call("message", to=s["name"], text=s["text"]),
    ),
    Family(
        "reminder",
        "tools",
        (
            "Remind me at {n1} to {text}.",
            "<Use|Call> the reminder tool at {n1} to {text}.",
            "<Set|Make> a reminder <for|at> {n1} to {text}.",
        ),
        ("I need a reminder at {n1} to {text}.",),
        _reminder,
        lambda s: call("reminder", hour=int(s["n1"]), text=s["text"]),
    ),
    Family(
        "calculator",
        "tools",
        (
            "<Use|Call> the calculator <tool |>for {n1} {w} {n2}.",
            "<Let|Have> the calculator <tool |>work out {n1} {w} {n2}.",
            "I need the calculator for {n1} {w} {n2}<. Call the tool|. Use the tool>.",
        ),
        ("Work out {n1} {w} {n2} with the calculator tool.",),
        _calculation,
        _calculated,
    ),
    Family(
        "shopping",
        "tools",
        (
            "<Add|Put> {n1} {w} <to|on> <my|the> shopping list<| with the tool>.",
            "<Use|Call> the shopping tool for {n1} {w}.",
            "I need to buy {n1} {w}<. Call the tool|. Use the tool>.",
        ),
        ("<Use|Call> the shopping tool to add {n1} {w}.",),
        lambda rng: {"n1": str(rng.randint(2, 30)), "w": rng.choice(tables.OBJECTS)},
        lambda s: call("shopping", item=s["w"], count=int(s["n1"])),
    ),
)
