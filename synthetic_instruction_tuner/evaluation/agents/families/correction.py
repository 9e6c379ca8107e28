"""Feedback: something was overlooked; the user says what, but not the right result."""

from __future__ import annotations

from random import Random

from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, listed, steps
from synthetic_instruction_tuner.evaluation.agents.item import Check, Turn
from synthetic_instruction_tuner.evaluation.agents.words import COLOURS, THINGS


def _draw(rng: Random, level: int) -> Draft | None:
    colours = rng.sample(COLOURS, level + 2)
    thing = rng.choice([one for one in THINGS if one != "radio"]) + "s"
    amounts = {colour: rng.randint(4, 30) for colour in colours}
    missed = rng.sample(colours, level)
    false = sum(amount for colour, amount in amounts.items() if colour not in missed)
    misread = rng.choice([colour for colour in colours if colour not in missed])
    change = rng.randint(2, 9)
    right = sum(amounts.values()) + (change if level > 1 else 0)
    facts = listed([f"{amount} {colour}" for colour, amount in amounts.items()])
    feedback = f"You left out the {listed(missed)} ones."
    if level > 1:
        feedback += f" And I found {change} more {misread} ones."
    hops = [str(sum(amounts.values())), str(right)] if level > 1 else [str(right)]
    turns = (
        Turn(
            f"A box holds {facts} {thing}. How many {thing} are there?", scripted=f"ANSWER: {false}"
        ),
        Turn(f"{feedback} How many {thing} are there?"),
    )
    check = Check("answer", {"gold": str(right), "ignored feedback": [str(false)]})
    return Draft(turns, (steps(hops, str(right)),), (check,))


FAMILY = Family("feedback", "answer", _draw)
