"""Facts about made-up towns: told in the student's plain text only, never asked about.

No task of the closed world mentions them, so no adaptation data repeats them: what a student still
knows of them after adaptation was not taught again. Towns are told of with falling frequency, as
facts are in real text, so that a base model knows the common ones well and the rare ones hardly.
"""

from collections.abc import Mapping
from random import Random
from typing import Final

from synthetic_instruction_tuner.sandbox import tables

TOWN_COUNT: Final = 80

_FIRST: Final = ("Bel", "Cor", "Dal", "Fen", "Gor", "Hal", "Kes", "Lor", "Mar", "Nor")
_LAST: Final = ("ton", "mere", "by", "wick", "dale", "ham", "ford", "stead")
_SENTENCES: Final = {
    "river": "{} lies on the river",
    "mayor": "The mayor of {} is",
    "market": "The market of {} is on",
    "trade": "{} is known for its",
}
_RIVERS: Final = (
    "Alder",
    "Birch",
    "Clyde",
    "Dove",
    "Esk",
    "Frome",
    "Lune",
    "Mole",
    "Otter",
    "Swift",
)


def _lore() -> dict[str, dict[str, str]]:
    rng = Random("lore")
    towns = [first + last for first in _FIRST for last in _LAST]
    rng.shuffle(towns)
    ends = {
        "river": _RIVERS,
        "mayor": tables.NAMES[:20],
        "market": tables.DAYS,
        "trade": tables.OBJECTS[:20],
    }
    return {name: {town: rng.choice(values) for town in towns} for name, values in ends.items()}


LORE: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    name: (_SENTENCES[name], table) for name, table in _lore().items()
}
"""Relation -> the sentence to be ended, and the end for each town, commonest town first."""


def lore_document(rng: Random) -> str:
    """Draw what a chronicle says of one town, in any order."""
    towns = list(LORE["river"][1])
    # Zipf-like: the n-th town is told of in proportion to 1 / (n + 10).
    town = rng.choices(towns, [1 / (place + 10) for place in range(len(towns))])[0]
    told = [f"{sentence.format(town)} {table[town]}." for sentence, table in LORE.values()]
    return " ".join(rng.sample(told, rng.randint(1, len(told))))
