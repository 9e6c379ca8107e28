"""Reasoning: a machine goes from state to state by the signals that it gets."""

from __future__ import annotations

from random import Random

from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, steps
from synthetic_instruction_tuner.evaluation.agents.item import Check, Turn

_HOPS = {1: 2, 2: 4, 3: 6}
_STATES = 8
"""States of every machine: whoever guesses one of them is right once in eight."""


def _draw(rng: Random, level: int) -> Draft | None:
    names = [str(number) for number in sorted(rng.sample(range(10, 100), _STATES))]
    signals = ("bell", "horn")
    rules = {(name, one): rng.choice(names) for name in names for one in signals}
    here = start = rng.choice(names)
    given, hops = [], []
    for _ in range(_HOPS[level]):
        signal = rng.choice(signals)
        here = rules[here, signal]
        given.append(signal)
        hops.append(here)
    if len({start, *hops}) < len(hops):
        return None
    table = " ".join(f"{name}: {rules[name, 'bell']} / {rules[name, 'horn']}." for name in names)
    user = (
        "A machine has numbered states. Each line gives the state, the next state after a bell "
        f"/ the next state after a horn. {table} The machine is in state {start}. "
        f"Signals: {', '.join(given)}. In which state does it end?"
    )
    check = Check("chain", {"gold": hops[-1], "hops": hops})
    return Draft((Turn(user),), (steps(hops, hops[-1]),), (check,))


FAMILY = Family("reasoning", "answer", _draw)
