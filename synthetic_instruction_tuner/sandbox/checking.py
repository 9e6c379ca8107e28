"""Reading an instruction back, and judging a response to it."""

import re
from functools import cache, lru_cache
from typing import NamedTuple

from synthetic_instruction_tuner.sandbox.families import all_families
from synthetic_instruction_tuner.sandbox.family import Family
from synthetic_instruction_tuner.sandbox.wording import Slots, compile_template, strip_around


class Task(NamedTuple):
    """An instruction that the closed world understands."""

    family: Family
    slots: Slots
    answer: str


@cache
def _patterns() -> tuple[tuple[Family, re.Pattern[str]], ...]:
    return tuple(
        (family, compile_template(template, lenient=True))
        for family in all_families()
        for template in (*family.seen, *family.held_out)
    )


def _match(text: str) -> Task | None:
    for family, pattern in _patterns():
        match = pattern.fullmatch(text)
        if match is None:
            continue
        slots = match.groupdict()
        answer = family.answer(slots)
        if answer is not None:
            return Task(family, slots, answer)
    return None


@lru_cache(maxsize=65536)
def _cached_match(text: str) -> Task | None:
    return _match(text)


def read_task(instruction: str) -> Task | None:
    """Return the task that an instruction words, or None when this world has no answer to it."""
    text = instruction.strip()
    return _cached_match(strip_around(text)) or _cached_match(text)


def normalise(response: str) -> str:
    """Drop what does not make an answer wrong: outer space, spaces at line ends, a final period."""
    lines = [line.rstrip() for line in response.strip().split("\n")]
    return "\n".join(lines).removesuffix(".")


def check(instruction: str, response: str) -> bool | None:
    """Judge a response to an instruction, whoever wrote them.

    Returns:
        True or False when the instruction is one that this world can solve, otherwise None.
        The canonical answer and its bare key are right; any other content is wrong.
    """
    task = read_task(instruction)
    if task is None:
        return None
    said = normalise(response)
    key = task.family.key(task.slots)
    if said in (normalise(task.answer), normalise(key or "")):
        return True
    return task.family.accept is not None and task.family.accept(task.slots, response)


def family_of(instruction: str) -> str | None:
    """Return the name of the family that words this instruction, or None."""
    task = read_task(instruction)
    return None if task is None else task.family.name
