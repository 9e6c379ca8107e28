"""Context: details of a booking are told and partly changed later; the final ones are asked for."""

from __future__ import annotations

from random import Random

from synthetic_instruction_tuner.evaluation.agents.conversation import conversation
from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family
from synthetic_instruction_tuner.evaluation.agents.words import CITIES, DAYS, DRINKS, PEOPLE

_SLOTS = {
    "name": ("The booking is for {}.", "It is for {} after all."),
    "city": ("I want to go to {}.", "I changed my mind: {} instead as the city."),
    "day": ("I leave on {}.", "Make the day {} instead."),
    "guests": ("There will be {} guests.", "Now we are {} guests."),
    "drink": ("Please have {} ready.", "Rather {} to drink."),
}
_VALUES: dict[str, tuple[str | int, ...]] = {
    "name": PEOPLE,
    "city": CITIES,
    "day": DAYS,
    "guests": tuple(range(2, 30)),
    "drink": DRINKS,
}
_SIZES = {1: (3, 1), 2: (4, 2), 3: (5, 4)}
"""Details and changes by level."""


def _draw(rng: Random, level: int) -> Draft:
    size, changes = _SIZES[level]
    slots = sorted(rng.sample(sorted(_SLOTS), size))
    first = {slot: rng.choice(_VALUES[slot]) for slot in slots}
    told = [_SLOTS[slot][0].format(first[slot]) for slot in rng.sample(slots, size)]
    statements = [" ".join(told[:2]), *told[2:]]
    gold, stale = dict(first), {}
    for slot in rng.sample(slots, changes):
        value = rng.choice([one for one in _VALUES[slot] if one != first[slot]])
        statements.append(_SLOTS[slot][1].format(value))
        gold[slot], stale[slot] = value, [first[slot]]
    return conversation(rng, level, statements, gold, stale, "What are the booking's details now?")


FAMILY = Family("context", "object", _draw)
