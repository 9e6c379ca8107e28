"""Agents without a model: the oracle must score 100 %, the others next to nothing.

A suite in which one of the trivial agents scores is not measuring what it says.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random

from synthetic_instruction_tuner.evaluation.agents.episode import Agent
from synthetic_instruction_tuner.evaluation.agents.item import Arguments, Item, Schema
from synthetic_instruction_tuner.records import Message


def oracle(item: Item) -> Agent:
    """Say the gold replies one after the other."""
    replies = iter(item.gold)
    return lambda messages: next(replies)


def _says(text: str) -> Callable[[Item], Agent]:
    return lambda item: lambda messages: text


def _echo(item: Item) -> Agent:
    return lambda messages: messages[-1]["content"]


def _repeat(item: Item) -> Agent:
    """Say again what the assistant said last, or else what the user said."""

    def reply(messages: list[Message]) -> str:
        said = [one["content"] for one in messages if one["role"] == "assistant"]
        return said[-1] if said else messages[-1]["content"]

    return reply


def _random_tool(item: Item) -> Agent:
    """Do something in the right form with words of the conversation."""
    rng = Random(f"random/{item.id}")

    def reply(messages: list[Message]) -> str:
        words = [word.strip(".,;:?!") for word in messages[-1]["content"].split()]
        if item.form == "calls":
            return json.dumps({"tool": _tool(rng, item)["name"], **_arguments(rng, item, words)})
        if item.form == "plan":
            return json.dumps([_action(rng, item, words) for _ in range(rng.randint(1, 8))])
        if item.form == "object":
            keys = item.checks[0].value["gold"]
            return json.dumps({key: _value(rng.choice(words)) for key in keys})
        return f"ANSWER: {rng.choice(words)}"

    return reply


def _tool(rng: Random, item: Item) -> Schema:
    return rng.choice(item.tools)


def _arguments(rng: Random, item: Item, words: list[str]) -> Arguments:
    names = _tool(rng, item)["parameters"]["properties"]
    return {name: _value(rng.choice(words)) for name in names}


def _action(rng: Random, item: Item, words: list[str]) -> str:
    tool = _tool(rng, item)
    return " ".join([tool["name"], *(rng.choice(words) for _ in tool["parameters"]["properties"])])


def _value(word: str) -> str | int:
    return int(word) if word.isdecimal() and len(word) < 10 else word


TRIVIAL: dict[str, Callable[[Item], Agent]] = {
    "empty": _says(""),
    "echo": _echo,
    "repeat": _repeat,
    "random tool": _random_tool,
    "refuse": _says("I'm sorry, but I can't help with that."),
    "abstain": _says("NO TOOL"),
    "ask": _says("ASK: day, person, amount, room or city? When, where, who, how many?"),
    "done": _says("DONE"),
}
"""Agents that must not score, by name."""
