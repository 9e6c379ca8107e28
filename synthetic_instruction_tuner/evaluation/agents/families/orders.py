"""Context: several people order, change their order, or take what another one has."""

from __future__ import annotations

from random import Random

from synthetic_instruction_tuner.evaluation.agents.conversation import conversation
from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family
from synthetic_instruction_tuner.evaluation.agents.words import DRINKS, PEOPLE

_SIZES = {1: (3, 1), 2: (4, 3), 3: (5, 5)}
"""People and changes by level."""


def _draw(rng: Random, level: int) -> Draft | None:
    size, changes = _SIZES[level]
    people = sorted(rng.sample(PEOPLE, size))
    drink = {who: rng.choice(DRINKS) for who in people}
    statements = [" ".join(f"{who} wants {drink[who]}." for who in people)]
    stale: dict[str, list[str]] = {who: [] for who in people}
    for _ in range(changes):
        who, other = rng.sample(people, 2)
        same = rng.random() < 0.4 and drink[other] != drink[who]
        new = drink[other] if same else rng.choice([one for one in DRINKS if one != drink[who]])
        stale[who].append(drink[who])
        drink[who] = new
        told = f"the same as {other} has now" if same else f"{new} instead"
        statements.append(f"{who} takes {told}.")
    changed = {who: [one for one in old if one != drink[who]] for who, old in stale.items() if old}
    if len(set(drink.values())) < 2 or not any(changed.values()):
        return None
    return conversation(rng, level, statements, drink, changed, "What does everyone drink now?")


FAMILY = Family("context", "object", _draw)
