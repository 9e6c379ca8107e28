"""Reasoning: ages are given relative to each other, in mixed order; one is asked for."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, steps
from synthetic_instruction_tuner.evaluation.agents.item import Check, Turn
from synthetic_instruction_tuner.evaluation.agents.words import PEOPLE

_HOPS = {1: 2, 2: 4, 3: 6}
"""Relations to follow by level; each level adds as many people that are not needed."""


def _relation(rng: Random, who: str, other: str, age: int) -> tuple[str, int]:
    kind = rng.choice(("older", "younger", "twice"))
    if kind == "twice" and age <= 40:
        return f"{who} is twice as old as {other}.", 2 * age
    years = rng.randint(2, 15)
    if kind == "younger" and age > years + 4:
        return f"{who} is {years} years younger than {other}.", age - years
    return f"{who} is {years} years older than {other}.", age + years


def _draw(rng: Random, level: int) -> Draft | None:
    length = _HOPS[level]
    people = rng.sample(PEOPLE, length + 1 + level)
    chain, others = people[: length + 1], people[length + 1 :]
    age = rng.randint(8, 40)
    start, sentences, hops = f"{chain[0]} is {age} years old.", [], []
    for other, who in pairwise(chain):
        sentence, age = _relation(rng, who, other, age)
        sentences.append(sentence)
        hops.append(str(age))
    sentences += [_relation(rng, who, rng.choice(chain), 50)[0] for who in others]
    rng.shuffle(sentences)
    text = " ".join([*sentences, start])
    if len(set(hops)) < len(hops) or any(hop in text.split() for hop in hops) or age > 120:
        return None
    check = Check("chain", {"gold": hops[-1], "hops": hops})
    return Draft((Turn(f"{text} How old is {chain[-1]}?"),), (steps(hops, hops[-1]),), (check,))


FAMILY = Family("reasoning", "answer", _draw)
