"""Code: Python one-liners to write and to read."""

from random import Random

from synthetic_instruction_tuner.sandbox import tables
from synthetic_instruction_tuner.sandbox.families.arithmetic import near
from synthetic_instruction_tuner.sandbox.family import Family
from synthetic_instruction_tuner.sandbox.wording import Slots

# What a one-liner should do with a list -> the expression.
_EXPRESSIONS = {
    "the length of": "len({v})",
    "the number of items in": "len({v})",
    "the sum of": "sum({v})",
    "the largest value of": "max({v})",
    "the smallest value of": "min({v})",
    "a sorted copy of": "sorted({v})",
    "the first item of": "{v}[0]",
    "the last item of": "{v}[-1]",
    "a reversed copy of": "{v}[::-1]",
    "the first two items of": "{v}[:2]",
    "the distinct values of": "set({v})",
}


def _list_task(rng: Random) -> Slots:
    return {"text": rng.choice(sorted(_EXPRESSIONS)), "var": rng.choice(tables.LIST_VARIABLES)}


def _expression(slots: Slots) -> str | None:
    form = _EXPRESSIONS.get(slots["text"].lower())
    return None if form is None else form.replace("{v}", slots["var"])


def _assignment(rng: Random) -> Slots:
    return {"var": rng.choice(tables.SCALARS), "n1": str(rng.randint(1, 99))}


def _change(rng: Random) -> Slots:
    return {**_assignment(rng), "w": rng.choice(("increases", "decreases"))}


def _changed(slots: Slots) -> str | None:
    sign = {"increases": "+=", "decreases": "-="}.get(slots["w"].lower())
    return None if sign is None else f"{slots['var']} {sign} {slots['n1']}"


def _printed(rng: Random) -> Slots:
    return {"n1": str(rng.randint(2, 30)), "n2": str(rng.randint(2, 12)), "text": rng.choice("+-")}


def _run(slots: Slots) -> str | None:
    first, second = int(slots["n1"]), int(slots["n2"])
    return {"+": str(first + second), "-": str(first - second)}.get(slots["text"])


def _loop(rng: Random) -> Slots:
    return {
        "var": rng.choice(tables.LIST_VARIABLES),
        "w": rng.choice(("item", "row", "word", "name", "value")),
    }


FAMILIES = (
    Family(
        "list_expression",
        "code",
        (
            "<Write|Give me|Show me> a Python expression <for|that returns|that gives> "
            "{text} the list {var}.",
            "How do <I|you|we> get {text} the list {var} in Python?",
            "In Python, <write|give> {text} the list {var}<| in one line>.",
        ),
        ("Which Python expression <returns|gives> {text} the list {var}?",),
        _list_task,
        _expression,
    ),
    Family(
        "assign",
        "code",
        (
            "<Write|Give me|Show me> Python code that sets {var} to {n1}.",
            "How do <I|you|we> set <the variable |>{var} to {n1} in Python?",
            "In Python, set <the variable |>{var} to {n1}.",
        ),
        ("Which Python code sets <the variable |>{var} to {n1}?",),
        _assignment,
        lambda s: f"{s['var']} = {s['n1']}",
    ),
    Family(
        "change_variable",
        "code",
        (
            "<Write|Give me|Show me> <Python code|a Python line> that {w} {var} by {n1}.",
            "<Write|Give me> a line of Python code that {w} <the variable |>{var} by {n1}.",
        ),
        ("Which Python line {w} {var} by {n1}?",),
        _change,
        _changed,
    ),
    Family(
        "print_result",
        "code",
        (
            "What does <Python|this Python code> print <for|with> print({n1} {text} {n2})?",
            "<Tell me|Say> what print({n1} {text} {n2}) <prints|shows> in Python.",
            "In Python I <run|type> print({n1} {text} {n2}). What do I see?",
        ),
        ("What do I see when I run print({n1} {text} {n2}) in Python?",),
        _printed,
        _run,
        "It prints {key}.",
        near,
    ),
    Family(
        "for_loop",
        "code",
        (
            "<Write|Give me|Show me> a <Python |>for loop that prints each {w} <of|in> <the "
            "list |>{var}.",
            "How do <I|you|we> print each {w} <of|in> <the list |>{var} in Python?",
        ),
        ("In Python, <write|give> a loop that prints each {w} of {var}.",),
        _loop,
        lambda s: f"for {s['w']} in {s['var']}: print({s['w']})",
    ),
)
