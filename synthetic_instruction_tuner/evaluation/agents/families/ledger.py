"""Reasoning: an amount changes several times; every intermediate amount is a step."""

from __future__ import annotations

from random import Random

from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, steps
from synthetic_instruction_tuner.evaluation.agents.item import Check, Turn
from synthetic_instruction_tuner.evaluation.agents.words import PEOPLE

_FOODS = ("apples", "eggs", "figs", "lemons", "nuts", "pears")
_HOPS = {1: (2, 3), 2: (4, 4), 3: (5, 6)}
"""Least and most changes by level."""


def _change(rng: Random, amount: int, who: str) -> tuple[str, int]:
    """Draw a change of the amount, as a sentence and the new amount."""
    kind = rng.choice(("gets", "gives", "doubles", "halves"))
    if kind == "doubles" and amount <= 60:
        return "Then the amount doubles.", 2 * amount
    if kind == "halves" and amount % 2 == 0 and amount > 20:
        return f"Then {who} gives away half.", amount // 2
    more = rng.randint(3, 29)
    if kind == "gives" and amount > more + 5:
        return f"Then {who} gives away {more}.", amount - more
    return f"Then {who} gets {more} more.", amount + more


def _draw(rng: Random, level: int) -> Draft | None:
    who, food = rng.choice(PEOPLE), rng.choice(_FOODS)
    amount = rng.randint(12, 40)
    sentences, hops = [f"{who} has {amount} {food}."], []
    for _ in range(rng.randint(*_HOPS[level])):
        sentence, amount = _change(rng, amount, who)
        sentences.append(sentence)
        hops.append(str(amount))
    text = " ".join(sentences)
    if len(set(hops)) < len(hops) or any(hop in text.split() for hop in hops):
        return None
    user = f"{text} How many {food} does {who} have now?"
    check = Check("chain", {"gold": hops[-1], "hops": hops})
    return Draft((Turn(user),), (steps(hops, hops[-1]),), (check,))


FAMILY = Family("reasoning", "answer", _draw)
