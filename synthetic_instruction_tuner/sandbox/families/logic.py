"""Logic: comparisons, orders of people, membership, true or false."""

from random import Random

from synthetic_instruction_tuner.sandbox import tables
from synthetic_instruction_tuner.sandbox.families.arithmetic import near
from synthetic_instruction_tuner.sandbox.family import Draw, Family
from synthetic_instruction_tuner.sandbox.wording import Slots

_SCALES = {
    "taller": "tallest", "older": "oldest", "faster": "fastest", "stronger": "strongest",
    "richer": "richest", "younger": "youngest", "smaller": "smallest", "slower": "slowest",
}  # fmt: skip


def _names(count: int) -> Draw:
    def draw(rng: Random) -> Slots:
        names = rng.sample(tables.NAMES, count)
        return {f"name{index + 1}": name for index, name in enumerate(names)}

    return draw


def _chain(rng: Random) -> Slots:
    more = rng.choice(sorted(_SCALES))
    return {**_names(3)(rng), "w1": more, "w2": _SCALES[more]}


def _top(slots: Slots) -> str | None:
    names = {slots[f"name{i}"] for i in (1, 2, 3)}
    return slots["name1"] if _SCALES.get(slots["w1"]) == slots["w2"] and len(names) == 3 else None


def _one_of(slots: Slots, key: str, rng: Random) -> str:
    return rng.choice(
        [value for slot, value in slots.items() if slot.startswith("name") and value != key]
    )


def _pair(rng: Random) -> Slots:
    first, second = rng.sample(range(1, 100), 2)
    return {"n1": str(first), "n2": str(second)}


def _larger(slots: Slots) -> str | None:
    first, second = int(slots["n1"]), int(slots["n2"])
    return None if first == second else str(max(first, second))


def _owners(rng: Random) -> Slots:
    first, second = rng.sample(range(2, 60), 2)
    return {**_names(2)(rng), "w": rng.choice(tables.OBJECTS), "n1": str(first), "n2": str(second)}


def _more(slots: Slots) -> str | None:
    first, second = int(slots["n1"]), int(slots["n2"])
    return None if first == second else slots["name1" if first > second else "name2"]


def _class(rng: Random) -> Slots:
    animal = rng.choice(sorted(tables.ANIMAL_CLASS))
    kind = tables.ANIMAL_CLASS[animal]
    if rng.random() < 0.5:
        kind = rng.choice(sorted(set(tables.ANIMAL_CLASS.values())))
    return {"w1": animal, "text": ("an " if kind[0] == "i" else "a ") + kind}


def _is_member(slots: Slots) -> str | None:
    kind = slots["text"].split()[-1]
    actual = tables.ANIMAL_CLASS.get(slots["w1"])
    if actual is None or kind not in tables.ANIMAL_CLASS.values():
        return None
    return "Yes" if kind == actual else "No"


def _is_member_said(slots: Slots) -> str | None:
    verdict = _is_member(slots)
    if verdict is None:
        return None
    return f"{verdict}, the {slots['w1']} is {'' if verdict == 'Yes' else 'not '}{slots['text']}"


def _flip(slots: Slots, key: str, rng: Random) -> str:
    if key.startswith("Yes"):
        return key.replace("Yes", "No").replace(" is ", " is not ")
    return key.replace("No", "Yes").replace(" is not ", " is ")


def _equation(rng: Random) -> Slots:
    first, second = rng.randint(1, 20), rng.randint(1, 20)
    total = str(first + second)
    said = total if rng.random() < 0.5 else near({}, total, rng)
    return {"n1": str(first), "n2": str(second), "n3": said}


def _swap_truth(slots: Slots, key: str, rng: Random) -> str:
    return "False" if key == "True" else "True"


FAMILIES = (
    Family(
        "tallest",
        "logic",
        (
            "{name1} is {w1} than {name2}. {name2} is {w1} than {name3}. Who is the {w2}<| "
            "of the three>?",
            "If {name1} is {w1} than {name2} and {name2} is {w1} than {name3}, who is the {w2}?",
            "{name2} is {w1} than {name3}, but {name1} is {w1} than {name2}. <Who|Which "
            "person> is the {w2}?",
        ),
        (
            "{name1} is {w1} than {name2} and {name2} is {w1} than {name3}. Which person is "
            "the {w2}?",
        ),
        _chain,
        _top,
        "{key} is the {w2}.",
        _one_of,
    ),
    Family(
        "larger_of_two",
        "logic",
        (
            "Which <number |>is <larger|bigger|greater|more>, {n1} or {n2}?",
            "<Compare|Look at> {n1} and {n2}. Which <number |>is <larger|bigger|greater>?",
            "<Tell me|Decide> which <number |>is <larger|bigger|greater>: {n1} or {n2}.",
        ),
        ("Is {n1} or {n2} the <larger|bigger|greater> number?",),
        _pair,
        _larger,
        "{key} is larger.",
        lambda s, key, rng: s["n1"] if key == s["n2"] else s["n2"],
    ),
    Family(
        "who_has_more",
        "logic",
        (
            "{name1} has {n1} {w} and {name2} has {n2} {w}. Who has more {w}?",
            "{name1} <buys|finds|sells> {n1} {w}. {name2} <buys|finds|sells> {n2} {w}. Who "
            "has more {w}?",
            "There are {n1} {w} <at|in> the home of {name1} and {n2} {w} at the home of "
            "{name2}. Who has more {w}?",
        ),
        ("Who has more {w}, {name1} with {n1} {w} or {name2} with {n2} {w}?",),
        _owners,
        _more,
        "{key} has more {w}.",
        _one_of,
    ),
    Family(
        "who_was_first",
        "logic",
        (
            "{name1} <arrived|came|left> before {name2}. Who <arrived|came|left> first?",
            "{name2} <arrived|came|left> after {name1}. Who <arrived|came|left> first?",
            "{name1} <finished|ended> the <race|test> before {name2}. Who was first?",
        ),
        ("{name2} <finished|ended> the <race|test> after {name1}. Who was first?",),
        _names(2),
        lambda s: s["name1"] if s["name1"] != s["name2"] else None,
        "{key} was first.",
        _one_of,
    ),
    Family(
        "membership",
        "logic",
        (
            "Is <the|this> {w1} {text}?",
            "<Tell me|Decide> <if|whether> the {w1} is {text}.",
            "<Yes or no|Answer yes or no>: is the {w1} {text}?",
        ),
        ("Yes or no: the {w1} is {text}?",),
        _class,
        _is_member_said,
        "{key}.",
        _flip,
    ),
    Family(
        "true_false",
        "logic",
        (
            "True or false: {n1} <plus|+> {n2} <is|=|equals> {n3}<|.>",
            "Is it <true|right> that {n1} <plus|+> {n2} <is|=|equals> {n3}? "
            "<Answer|Say|Write> true or false.",
            "<Decide|Tell me> <if|whether> this is true or false: {n1} + {n2} = {n3}<|.>",
        ),
        ("{n1} plus {n2} <is|equals> {n3}. <Is it|Is this> true or false?",),
        _equation,
        lambda s: "True" if int(s["n1"]) + int(s["n2"]) == int(s["n3"]) else "False",
        "{key}.",
        _swap_truth,
    ),
)
