"""Conversations for the context families: statements, corrections, distractors, a last question."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from synthetic_instruction_tuner.evaluation.agents.family import Draft
from synthetic_instruction_tuner.evaluation.agents.item import Arguments, Check, Turn
from synthetic_instruction_tuner.evaluation.agents.words import CHATTER

DISTRACTORS = {1: 2, 2: 4, 3: 8}
"""Turns about something else between the facts and the question, by level."""


def conversation(
    rng: Random,
    level: int,
    statements: list[str],
    gold: Arguments,
    stale: dict[str, list[Any]],
    question: str,
) -> Draft:
    """Build a conversation whose early turns are scripted and whose last one asks for an object.

    Args:
        rng: Random stream.
        level: Decides on the number of distractors.
        statements: What the user tells, in order; the first comes first, distractors are mixed in
            among the others and after them.
        gold: The object that is right at the end.
        stale: Values that were right once and have been overwritten, by key.
        question: The last user turn; the keys of the object are appended.
    """
    chatter = [Turn(ask, scripted=reply) for ask, reply in rng.sample(CHATTER, DISTRACTORS[level])]
    told = [Turn(text, scripted="Noted.") for text in statements]
    order = ["told"] * (len(told) - 1) + ["chatter"] * (len(chatter) - 1)
    rng.shuffle(order)
    pools = {"told": told[1:], "chatter": chatter[1:]}
    turns = [told[0], *(pools[kind].pop(0) for kind in order), chatter[0]]
    keys = ", ".join(f'"{key}"' for key in gold)
    last = Turn(f"{question} Reply with a JSON object with the keys {keys}.")
    check = Check("object", {"gold": gold, "stale fact": stale})
    return Draft((*turns, last), (json.dumps(gold),), (check,))
