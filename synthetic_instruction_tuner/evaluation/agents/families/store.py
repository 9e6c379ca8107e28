"""Tool use: orders of a shop, whose numbers have to be looked up before they can be changed."""

from __future__ import annotations

from random import Random
from typing import Any

from synthetic_instruction_tuner.evaluation.agents.family import Draft, Family, call
from synthetic_instruction_tuner.evaluation.agents.item import (
    Arguments,
    Check,
    Condition,
    State,
    Turn,
)
from synthetic_instruction_tuner.evaluation.agents.tool import Tool, ToolError, integer, words
from synthetic_instruction_tuner.evaluation.agents.words import CITIES, FOODS, PEOPLE


def _order(state: State, number: int) -> State:
    order: State | None = state.get(str(number))
    if order is None:
        raise ToolError(f"there is no order {number}")
    return order


def _find(state: State, arguments: Arguments) -> object:
    for number, order in state.items():
        if order["customer"] == arguments["customer"].capitalize():
            return {"order": int(number), "status": order["status"], "food": order["food"]}
    raise ToolError(f"{arguments['customer']} has no order")


def _cancel(state: State, arguments: Arguments) -> str:
    order = _order(state, arguments["order"])
    if order["status"] != "open":
        raise ToolError(f"order {arguments['order']} is {order['status']}, it cannot be cancelled")
    order["status"] = "cancelled"
    return "cancelled"


def _change(state: State, arguments: Arguments) -> str:
    _order(state, arguments["order"])["amount"] = arguments["amount"]
    return f"amount is {arguments['amount']}"


def _send(state: State, arguments: Arguments) -> str:
    order = _order(state, arguments["order"])
    order["city"] = arguments["city"].capitalize()
    return f"goes to {order['city']}"


FIND = Tool("find_order", "find a customer's order", {"customer": words()}, _find)
CANCEL = Tool("cancel", "cancel an open order", {"order": integer()}, _cancel)
CHANGE = Tool(
    "change_amount", "set how many are ordered", {"order": integer(), "amount": integer()}, _change
)
SEND = Tool(
    "send_to", "set the city an order goes to", {"order": integer(), "city": words()}, _send
)


def _draw(rng: Random, level: int) -> Draft:
    customers = rng.sample(PEOPLE, 4)
    numbers = [str(number) for number in sorted(rng.sample(range(100, 1000), 4))]
    state: State = {
        number: {
            "customer": customer,
            "food": rng.choice(FOODS),
            "amount": rng.randint(2, 9),
            "city": rng.choice(CITIES[:8]),
            "status": "open",
        }
        for number, customer in zip(numbers, customers, strict=True)
    }
    told, gold, goal = [], [], []
    for number in rng.sample(numbers, 2 if level == 3 else 1):
        sentence, replies, conditions = _task(rng, number, state[number]["customer"], level)
        told.append(sentence)
        gold += replies
        goal += conditions
    check = Check("state", {"goal": goal})
    return Draft((Turn(" ".join(told), until="done"),), (*gold, "DONE"), (check,), state)


def _task(
    rng: Random, number: str, customer: str, level: int
) -> tuple[str, list[str], list[Condition]]:
    """Draw what is to be done with one order: the sentence, the right replies, the goal."""
    amount, city, order = rng.randint(10, 40), rng.choice(CITIES[8:]), int(number)
    change = call("change_amount", order=order, amount=amount)
    tasks: list[tuple[str, str, list[Any]]] = [
        (f"set the amount to {amount}", change, [number, "amount", amount]),
        (f"send it to {city}", call("send_to", order=order, city=city), [number, "city", city]),
        ("cancel it", call("cancel", order=order), [number, "status", "cancelled"]),
    ]
    chosen = [rng.choice(tasks)] if level == 1 else rng.sample(tasks[:2], 2)
    find = call("find_order", customer=customer)
    sentence = f"Take the order of {customer}: {' and '.join(text for text, _, _ in chosen)}."
    return sentence, [find, *(reply for _, reply, _ in chosen)], [goal for _, _, goal in chosen]


FAMILY = Family("tool_use", "calls", _draw, (FIND, CANCEL, CHANGE, SEND))
