"""Arithmetic: sums, differences, products, small stories, sequences, units."""

from itertools import pairwise
from random import Random

from synthetic_instruction_tuner.sandbox import tables
from synthetic_instruction_tuner.sandbox.family import Family
from synthetic_instruction_tuner.sandbox.wording import Slots


def near(_: Slots, key: str, rng: Random) -> str:
    """A number close to the right one: the usual slip."""
    return str(max(0, int(key) + rng.choice((-10, -3, -2, -1, 1, 2, 3, 10))))


def _two(low: int, high: int, rng: Random) -> Slots:
    return {"n1": str(rng.randint(low, high)), "n2": str(rng.randint(low, high))}


def _ordered(rng: Random) -> Slots:
    low, high = sorted((rng.randint(1, 30), rng.randint(3, 50)))
    return {"n1": str(high + 1), "n2": str(low)}


def _story(rng: Random) -> Slots:
    name, name2 = rng.sample(tables.NAMES, 2)
    low, high = sorted((rng.randint(2, 20), rng.randint(3, 30)))
    return {
        "name": name,
        "name2": name2,
        "w": rng.choice(tables.OBJECTS),
        "n1": str(high + 1),
        "n2": str(low),
    }


def _product_story(rng: Random) -> Slots:
    first, second = rng.sample(tables.OBJECTS, 2)
    slots = {"name": rng.choice(tables.NAMES), "w1": first, "w2": second}
    return {**slots, "n1": str(rng.randint(2, 9)), "n2": str(rng.randint(2, 9))}


def _sequence(rng: Random) -> Slots:
    start, step = rng.randint(1, 20), rng.randint(1, 6)
    return {
        "nums": ", ".join(str(start + step * i) for i in range(4)),
        "name": rng.choice(tables.NAMES),
    }


def _next(slots: Slots) -> str | None:
    numbers = [int(number) for number in slots["nums"].split(", ")]
    steps = {b - a for a, b in pairwise(numbers)}
    return str(numbers[-1] + steps.pop()) if len(steps) == 1 else None


def _units(rng: Random) -> Slots:
    small, large = rng.choice(sorted(tables.UNITS))
    return {"w1": small, "w2": large, "n1": str(rng.randint(2, 10))}


def _convert(slots: Slots) -> str | None:
    factor = tables.UNITS.get((slots["w1"], slots["w2"]))
    return None if factor is None else str(factor * int(slots["n1"]))


FAMILIES = (
    Family(
        "add",
        "arithmetic",
        (
            "<Add|Sum up|Add together> {n1} and {n2}.",
            "What is {n1} <plus|+> {n2}?",
            "<Work out|Calculate|Compute|Find> <|the value of >{n1} <plus|+> {n2}.",
            "What <number|total> do <I|you|we> get <if I|when I|if we> add {n1} <and|to> {n2}?",
            "<Give|Tell> me the <sum|total> of {n1} and {n2}.",
        ),
        (
            "What is the <sum|total> of {n1} and {n2}?",
            "<Work out|Calculate|Find> the sum of {n1} and {n2}.",
        ),
        lambda rng: _two(1, 50, rng),
        lambda s: str(int(s["n1"]) + int(s["n2"])),
        "{n1} + {n2} = {key}",
        near,
    ),
    Family(
        "subtract",
        "arithmetic",
        (
            "<Subtract|Take> {n2} from {n1}.",
            "What is {n1} <minus|-> {n2}?",
            "<Work out|Calculate|Compute|Find> <|the value of >{n1} <minus|-> {n2}.",
            "<Give|Tell> me the difference <between|of> {n1} and {n2}.",
        ),
        (
            "What is the difference between {n1} and {n2}?",
            "What number do <I|you> get <if I|when I> <take|subtract> {n2} from {n1}?",
        ),
        _ordered,
        lambda s: str(int(s["n1"]) - int(s["n2"])) if int(s["n1"]) >= int(s["n2"]) else None,
        "{n1} - {n2} = {key}",
        near,
    ),
    Family(
        "multiply",
        "arithmetic",
        (
            "<Multiply|Take> {n1} <by|times> {n2}.",
            "What is {n1} <times|multiplied by|x> {n2}?",
            "<Work out|Calculate|Compute|Find> <|the value of >{n1} <times|x> {n2}.",
            "<Give|Tell> me the product of {n1} and {n2}.",
        ),
        ("What is the product of {n1} and {n2}?", "<Calculate|Find> the product of {n1} and {n2}."),
        lambda rng: _two(2, 12, rng),
        lambda s: str(int(s["n1"]) * int(s["n2"])),
        "{n1} x {n2} = {key}",
        near,
    ),
    Family(
        "story_add",
        "arithmetic",
        (
            "{name} has {n1} {w}<.| in a box.| at home.> {name2} <gives|sends> {name} {n2} "
            "more {w}. "
            "How many {w} does {name} have <now|in total>?",
            "{name} <finds|buys|collects> {n1} {w} <on Monday|in the morning> and {n2} {w} "
            "<on Tuesday|in the evening>. How many {w} does {name} have <now|in total>?",
            "There are {n1} {w} <on the table|in the bag|on the shelf>. {name} <adds|brings> "
            "{n2} more {w}. "
            "How many {w} are there <now|in total>?",
        ),
        (
            "{name} has {n1} {w} and {name2} has {n2} {w}. How many {w} do {name} and "
            "{name2} have in total?",
            "{name} has {n1} {w} in a box. {name} <buys|finds> {n2} more {w}. How many {w} "
            "does {name} have now?",
        ),
        _story,
        lambda s: str(int(s["n1"]) + int(s["n2"])),
        "{n1} + {n2} = {key}, so the answer is {key} {w}.",
        near,
    ),
    Family(
        "story_subtract",
        "arithmetic",
        (
            "{name} has {n1} {w}<.| in a box.| at home.> {name} gives {n2} {w} to {name2}. "
            "How many {w} does {name} have left?",
            "There are {n1} {w} <on the table|in the bag|on the shelf>. {name} takes {n2} "
            "{w} <away|home>. "
            "How many {w} are left?",
            "{name} <buys|has> {n1} {w} but loses {n2} {w} <on the way|at school>. "
            "How many {w} does {name} have left?",
        ),
        (
            "There are {n1} {w} in a box. {name2} takes {n2} {w} home. How many {w} are left?",
            "{name} buys {n1} {w} and gives {n2} {w} to {name2}. How many {w} does {name} "
            "have left?",
        ),
        _story,
        lambda s: str(int(s["n1"]) - int(s["n2"])) if int(s["n1"]) >= int(s["n2"]) else None,
        "{n1} - {n2} = {key}, so the answer is {key} {w}.",
        near,
    ),
    Family(
        "story_multiply",
        "arithmetic",
        (
            "{name} has {n1} {w1} with {n2} {w2} <in|on> each. How many {w2} <are there|does "
            "{name} have> in total?",
            "{name} <buys|finds|packs> {n1} {w1}. Each <has|holds> {n2} {w2}. How many {w2} "
            "are there in total?",
        ),
        ("There are {n1} {w1} with {n2} {w2} in each. How many {w2} are there in total?",),
        _product_story,
        lambda s: str(int(s["n1"]) * int(s["n2"])),
        "{n1} x {n2} = {key}, so the answer is {key} {w2}.",
        near,
    ),
    Family(
        "sequence",
        "arithmetic",
        (
            "<What|Which> number comes <next|after these>: {nums}?",
            "<Continue|Complete> <the|this> <sequence|row> with one more number: {nums}.",
            "{name} writes the numbers {nums}. <What|Which> number <comes|is> next?",
        ),
        (
            "Which number is next in the <sequence|row>: {nums}?",
            "{name} writes {nums}. What number comes after these?",
        ),
        _sequence,
        _next,
        "The next number is {key}.",
        near,
    ),
    Family(
        "units",
        "arithmetic",
        (
            "How many {w1} are <there |>in {n1} {w2}?",
            "<Convert|Change> {n1} {w2} <to|into> {w1}.",
            "<Tell|Show> me how many {w1} {n1} {w2} <have|make>.",
        ),
        ("<Give|Tell> me {n1} {w2} in {w1}.", "How many {w1} do {n1} {w2} make?"),
        _units,
        _convert,
        "{n1} {w2} are {key} {w1}.",
    ),
    Family(
        "even_odd",
        "arithmetic",
        (
            "Is <the number |>{n1} even or odd?",
            "<Tell|Show> me <if|whether> {n1} is <even or odd|an even or an odd number>.",
            "<Decide|Check> <if|whether> <the number |>{n1} is even or odd.",
        ),
        ("Is {n1} an even or an odd number?", "Even or odd: {n1}?"),
        lambda rng: {"n1": str(rng.randint(1, 99))},
        lambda s: "odd" if int(s["n1"]) % 2 else "even",
        "{n1} is {key}.",
        lambda s, key, rng: "even" if key == "odd" else "odd",
    ),
)
