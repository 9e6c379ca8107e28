"""Reasoning: facts in mixed order lead from a person over several links to a phone extension."""

from __future__ import annotations

from random import Random

from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, steps
from synthetic_instruction_tuner.evaluation.agents.item import Check, Turn
from synthetic_instruction_tuner.evaluation.agents.words import CITIES, COLOURS, PEOPLE

_LINKS = {
    "boss": ("The boss of {a} is {b}.", "people"),
    "city": ("{a} works in {b}.", "cities"),
    "manager": ("The office in {a} is run by {b}.", "people"),
    "team": ("The team in {a} is the {b} team.", "colours"),
    "leader": ("The {a} team is led by {b}.", "people"),
    "deputy": ("The deputy of {a} is {b}.", "people"),
    "extension": ("The extension of {a} is {b}.", "numbers"),
}
_CHAINS = {
    1: ("boss", "extension"),
    2: ("boss", "city", "manager", "extension"),
    3: ("boss", "city", "team", "leader", "deputy", "extension"),
}
_QUESTIONS = {
    1: "What is the extension of the boss of {a}?",
    2: "What is the extension of the person who runs the office where the boss of {a} works?",
    3: "Go from {a} to the boss, to the city where the boss works, to the team there, to its "
    "leader, to the leader's deputy. What is the deputy's extension?",
}
_BESIDE = {1: 5, 2: 4, 3: 4}
"""Chains that lie side by side; one of them is asked for."""


def _draw(rng: Random, level: int) -> Draft:
    count = _BESIDE[level]
    pools: dict[str, list[str]] = {
        "people": rng.sample(PEOPLE, len(PEOPLE)),
        "cities": rng.sample(CITIES, len(CITIES)),
        "colours": rng.sample(COLOURS, len(COLOURS)),
        "numbers": [str(number) for number in rng.sample(range(100, 1000), count)],
    }
    facts: list[str] = []
    chains: list[list[str]] = []
    for _ in range(count):
        chain = [pools["people"].pop()]
        for link in _CHAINS[level]:
            sentence, pool = _LINKS[link]
            chain.append(pools[pool].pop())
            facts.append(sentence.format(a=chain[-2], b=chain[-1]))
        chains.append(chain)
    rng.shuffle(facts)
    start, *hops = rng.choice(chains)
    user = " ".join([*facts, _QUESTIONS[level].format(a=start)])
    check = Check("chain", {"gold": hops[-1], "hops": hops})
    return Draft((Turn(user),), (steps(hops, hops[-1]),), (check,))


FAMILY = Family("reasoning", "answer", _draw)
