"""Context: things are moved between rooms, also together with another thing."""

from __future__ import annotations

from random import Random

from synthetic_instruction_tuner.evaluation.agents.conversation import conversation
from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family
from synthetic_instruction_tuner.evaluation.agents.words import ROOMS, THINGS

_SIZES = {1: (3, 2), 2: (4, 4), 3: (5, 7)}
"""Things and moves by level."""


def _draw(rng: Random, level: int) -> Draft | None:
    size, moves = _SIZES[level]
    things = sorted(rng.sample(THINGS, size))
    where = {thing: rng.choice(ROOMS) for thing in things}
    stale: dict[str, list[str]] = {thing: [] for thing in things}
    statements = [" ".join(f"The {thing} is in the {where[thing]}." for thing in things)]
    for _ in range(moves):
        thing, other = rng.sample(things, 2)
        beside = rng.random() < 0.4 and where[other] != where[thing]
        room = where[other] if beside else rng.choice([one for one in ROOMS if one != where[thing]])
        stale[thing].append(where[thing])
        where[thing] = room
        target = f"to where the {other} is" if beside else f"to the {room}"
        statements.append(f"I moved the {thing} {target}.")
    moved = {one: [old for old in olds if old != where[one]] for one, olds in stale.items() if olds}
    if len(set(where.values())) < 2 or not any(moved.values()):
        return None
    return conversation(rng, level, statements, where, moved, "In which room is each thing now?")


FAMILY = Family("context", "object", _draw)
