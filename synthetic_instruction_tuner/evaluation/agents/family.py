"""What a family of items is: one file in `families/` with a `FAMILY`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, Protocol

from synthetic_instruction_tuner.discovery import discover
from synthetic_instruction_tuner.evaluation.agents.item import Category, Check, Form, State, Turn
from synthetic_instruction_tuner.evaluation.agents.tool import Tool

LEVELS = (1, 2, 3)


@dataclass(frozen=True)
class Draft:
    """What a family draws; the rest of an item follows from the family.

    Attributes:
        offered: Names of the tools that are offered; None: all of the family.
    """

    turns: tuple[Turn, ...]
    gold: tuple[str, ...]
    checks: tuple[Check, ...]
    state: State = field(default_factory=dict)
    offered: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Family:
    """A kind of item.

    Attributes:
        draw: Draws an item of a level (1 to 3); may return None when a draw is unsuitable, and is
            then asked again.
        tools: Every tool that items of this family may offer.
        system: System turn in place of the usual one of the form.
    """

    category: Category
    form: Form
    draw: Callable[[Random, int], Draft | None]
    tools: tuple[Tool, ...] = ()
    system: str | None = None


class FamilyFile(Protocol):
    """What a file of `families/` has."""

    FAMILY: Family


@cache
def families() -> Mapping[str, Family]:
    """Return all families by name, sorted; the file's name is the family's."""
    from synthetic_instruction_tuner.evaluation.agents import families as package

    return {name: module.FAMILY for name, module in discover(package, FamilyFile).items()}


def call(tool: str, **arguments: Any) -> str:
    """Write a tool call as instructed."""
    return json.dumps({"tool": tool, **arguments})


def together(*calls: str) -> str:
    """Write several calls as one reply: a JSON list."""
    return "[" + ", ".join(calls) + "]"


def steps(hops: list[str], answer: str) -> str:
    """Write a chain of results and the answer as instructed."""
    lines = [f"STEP {number}: {hop}" for number, hop in enumerate(hops, start=1)]
    return "\n".join([*lines, f"ANSWER: {answer}"])


def listed(words: list[str]) -> str:
    """Write "a, b and c"."""
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]
