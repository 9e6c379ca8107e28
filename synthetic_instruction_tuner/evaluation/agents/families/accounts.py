"""Tool use: how much is to be transferred, and which way, depends on balances to be looked up."""

from __future__ import annotations

from random import Random

from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, call
from synthetic_instruction_tuner.evaluation.agents.item import Arguments, Check, State, Turn
from synthetic_instruction_tuner.evaluation.agents.tool import Tool, ToolError, integer, words
from synthetic_instruction_tuner.evaluation.agents.words import PEOPLE


def _account(state: State, person: str) -> int:
    if person not in state:
        raise ToolError(f"{person} has no account")
    return int(state[person])


def _balance(state: State, arguments: Arguments) -> object:
    person = arguments["person"].capitalize()
    return {"person": person, "balance": _account(state, person)}


def _transfer(state: State, arguments: Arguments) -> str:
    source, target = arguments["source"].capitalize(), arguments["target"].capitalize()
    amount = arguments["amount"]
    if not 0 < amount <= _account(state, source):
        raise ToolError(f"{source} cannot pay {amount}")
    _account(state, target)
    state[source] -= amount
    state[target] += amount
    return f"{amount} moved from {source} to {target}"


BALANCE = Tool("balance", "how much a person has", {"person": words()}, _balance)
TRANSFER = Tool(
    "transfer",
    "move money between accounts",
    {"source": words(), "target": words(), "amount": integer()},
    _transfer,
)


def _draw(rng: Random, level: int) -> Draft | None:
    people = rng.sample(PEOPLE, 2 * level)
    state: State = {person: rng.randint(60, 400) for person in people}
    told, gold, goal = [], [], []
    for one, other in zip(people[::2], people[1::2], strict=True):
        bound = rng.randint(100, 350)
        amount = abs(state[one] - bound)
        source, target = (one, other) if state[one] > bound else (other, one)
        if not 0 < amount <= state[source]:
            return None
        told.append(
            f"{one} shall have exactly {bound}: move what is above that to {other}, "
            f"or what is missing from {other} to {one}."
        )
        gold += [
            call("balance", person=one),
            call("transfer", source=source, target=target, amount=amount),
        ]
        goal.append([source, state[source] - amount])
    check = Check("state", {"goal": goal})
    return Draft((Turn(" ".join(told), until="done"),), (*gold, "DONE"), (check,), state)


FAMILY = Family("tool_use", "calls", _draw, (BALANCE, TRANSFER))
