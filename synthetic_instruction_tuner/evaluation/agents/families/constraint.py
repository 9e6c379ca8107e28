"""Feedback: a first choice misses a wish; the user says which, and a new choice is due."""

from __future__ import annotations

import json
from random import Random

from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, listed
from synthetic_instruction_tuner.evaluation.agents.item import Check, Turn
from synthetic_instruction_tuner.evaluation.agents.words import CITIES

_EXTRAS = ("pool", "garden", "gym", "bar", "sauna", "parking")


def _hotels(rng: Random, wishes: list[str]) -> dict[str, tuple[int, list[str]]]:
    """Draw hotels by name, such that each further wish makes a dearer one the cheapest."""
    others = [one for one in _EXTRAS if one not in wishes]
    names = rng.sample(CITIES, len(wishes) + 2)
    prices = sorted(rng.sample(range(40, 120), len(wishes)))
    hotels: dict[str, tuple[int, list[str]]] = {}
    for count, price in enumerate(prices, start=1):
        hotels[names.pop()] = (price, sorted([*wishes[:count], rng.choice(others)]))
    for spare in names:
        hotels[spare] = (rng.randint(40, 120), sorted([*wishes[1:], rng.choice(others)]))
    return hotels


def _draw(rng: Random, level: int) -> Draft:
    wishes = rng.sample(_EXTRAS, level + 1)
    hotels = _hotels(rng, wishes)
    proposals = list(hotels)[: len(wishes)]
    prices = {name: price for name, (price, _) in hotels.items()}
    extras = {name: offered for name, (_, offered) in hotels.items()}
    names = rng.sample(list(hotels), len(hotels))
    nights = rng.randint(2, 6)
    replies = [json.dumps({"hotel": name, "total": prices[name] * nights}) for name in proposals]
    offers = "; ".join(f"{name}, {prices[name]} a night, {listed(extras[name])}" for name in names)
    asked = (
        f"Hotels: {offers}. I stay {nights} nights and want a {wishes[0]}. Which is the cheapest, "
        'and what do all nights cost? Reply with a JSON object with the keys "hotel", "total".'
    )
    turns = [Turn(asked, scripted=replies[0])]
    for number, wish in enumerate(wishes[1:], start=1):
        last = number == len(wishes) - 1
        text = f"{proposals[number - 1]} does not do: I also need a {wish}. Which one now?"
        turns.append(Turn(text, scripted=None if last else replies[number]))
    stale = {"hotel": proposals[:-1]}
    check = Check("object", {"gold": json.loads(replies[-1]), "ignored feedback": stale})
    return Draft(tuple(turns), (replies[-1],), (check,))


FAMILY = Family("feedback", "object", _draw)
