"""Context: a shopping list grows, shrinks and changes over many turns."""

from __future__ import annotations

from random import Random

from synthetic_instruction_tuner.evaluation.agents.conversation import conversation
from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family
from synthetic_instruction_tuner.evaluation.agents.words import FOODS

_SIZES = {1: (3, 2), 2: (4, 3), 3: (5, 6)}
"""Foods on the first list and changes by level."""


def _draw(rng: Random, level: int) -> Draft | None:
    size, changes = _SIZES[level]
    foods = rng.sample(FOODS, size + changes)
    listed, spare = foods[:size], foods[size:]
    amounts: dict[str, int] = {food: rng.randint(2, 9) for food in listed}
    first = ", ".join(f"{amounts[food]} {food}" for food in listed)
    statements = [f"My shopping list: {first}."]
    stale: dict[str, list[int]] = {}
    for _ in range(changes):
        statements.append(_change(rng, amounts, spare, stale))
    if not stale:
        return None
    gold = {food: amounts[food] for food in sorted(amounts)}
    stale = {food: [one for one in old if one != gold[food]] for food, old in stale.items()}
    question = "How many of each are on my shopping list now (0 if it was taken off)?"
    return conversation(rng, level, statements, gold, stale, question)


def _change(
    rng: Random, amounts: dict[str, int], spare: list[str], stale: dict[str, list[int]]
) -> str:
    """Change the list in place and say what was changed."""
    kind = rng.choice(("more", "set", "add", "remove"))
    food = rng.choice(sorted(food for food, amount in amounts.items() if amount))
    if kind == "add" or (kind == "remove" and sum(map(bool, amounts.values())) < 3):
        food = spare.pop()
        amounts[food] = rng.randint(2, 9)
        return f"Put {amounts[food]} {food} on the list."
    stale.setdefault(food, []).append(amounts[food])
    if kind == "remove":
        amounts[food] = 0
        return f"Take {food} off the list."
    if kind == "more":
        more = rng.randint(2, 9)
        amounts[food] += more
        return f"I need {more} more {food}."
    amounts[food] = rng.choice([one for one in range(2, 20) if one not in stale[food]])
    return f"Make that {amounts[food]} {food} in all."


FAMILY = Family("context", "object", _draw)
