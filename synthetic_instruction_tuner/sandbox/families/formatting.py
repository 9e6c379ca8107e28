"""Formatting: the form of the answer is the task."""

import json
from random import Random

from synthetic_instruction_tuner.sandbox import tables
from synthetic_instruction_tuner.sandbox.families.lists import split
from synthetic_instruction_tuner.sandbox.families.planning import numbered
from synthetic_instruction_tuner.sandbox.family import Family
from synthetic_instruction_tuner.sandbox.wording import Slots

_COUNTS = {"two": 2, "three": 3, "four": 4}


def _items(rng: Random) -> Slots:
    return {"items": ", ".join(rng.sample(tables.LIST_WORDS, 3)), "name": rng.choice(tables.NAMES)}


def _capitals(rng: Random) -> Slots:
    return {"w": rng.choice(tables.SPELL_WORDS)}


def _dropped(slots: Slots, key: str, rng: Random) -> str:
    """The right content in the wrong form, or one piece missing."""
    return rng.choice(
        (slots["items"], key.rsplit("\n", 1)[0], key.replace("- ", "").replace(". ", " "))
    )


def _person(rng: Random) -> Slots:
    return {
        "name": rng.choice(tables.NAMES),
        "n1": str(rng.randint(5, 90)),
        "proper": rng.choice(_PLACES),
    }


_PLACES = tuple(city for city in tables.CAPITALS.values() if " " not in city)


def _choice(rng: Random) -> Slots:
    return {"w1": rng.choice(sorted(_COUNTS)), "w2": rng.choice(sorted(tables.PLURAL_CATEGORY))}


def _examples(slots: Slots) -> str | None:
    count = _COUNTS.get(slots["w1"].lower())
    kind = tables.PLURAL_CATEGORY.get(slots["w2"].lower())
    if count is None or kind is None:
        return None
    start = Random(slots["w1"] + slots["w2"])
    return ", ".join(start.sample(tables.CATEGORIES[kind], count))


def _are_examples(slots: Slots, response: str) -> bool:
    words = split(response.strip().rstrip("."))
    count = _COUNTS[slots["w1"].lower()]
    known = tables.CATEGORIES[tables.PLURAL_CATEGORY[slots["w2"].lower()]]
    return len(words) == count == len(set(words)) and all(word in known for word in words)


def _not_examples(slots: Slots, key: str, rng: Random) -> str:
    count, words = _COUNTS[slots["w1"]], list(split(key))
    if rng.random() < 0.5:
        return ", ".join([*words, words[0]] if rng.random() < 0.5 else words[: count - 1])
    other = rng.choice(
        [c for c in sorted(tables.CATEGORIES) if c != tables.PLURAL_CATEGORY[slots["w2"]]]
    )
    words[rng.randrange(count)] = rng.choice(tables.CATEGORIES[other])
    return ", ".join(words)


def _json_person(slots: Slots) -> str:
    return json.dumps({"name": slots["name"], "age": int(slots["n1"]), "city": slots["proper"]})


FAMILIES = (
    Family(
        "numbered_list",
        "formatting",
        (
            "<Write|Show|Give> <these words|the words|the items> as a numbered list: {items}.",
            "<Make|Write> a numbered list <of|from|with> <these words|the words|the items>: "
            "{items}.",
            "{name} needs a numbered list of {items}.",
        ),
        ("<Turn|Change> <these words|the items> into a numbered list: {items}.",),
        _items,
        lambda s: numbered(tuple(split(s["items"]))),
        wrong=_dropped,
    ),
    Family(
        "bullet_list",
        "formatting",
        (
            "<Write|Show|Give> <these words|the words|the items> as a <bullet|dash> list: {items}.",
            "<Make|Write> a <bullet|dash> list <of|from|with> <these words|the words|the "
            "items>: {items}.",
            "{name} needs a <bullet|dash> list of {items}.",
        ),
        ("<Turn|Change> <these words|the items> into a <bullet|dash> list: {items}.",),
        _items,
        lambda s: "\n".join(f"- {item}" for item in split(s["items"])),
        wrong=_dropped,
    ),
    Family(
        "capital_letters",
        "formatting",
        (
            "<Write|Show|Give> <the word |>{w} in <capital letters|capitals|upper case>.",
            "<Put|Change|Turn> <the word |>{w} into <capital letters|capitals|upper case>.",
        ),
        ("<Write|Show> {w} with capital letters only.",),
        _capitals,
        lambda s: s["w"].upper(),
        wrong=lambda s, key, rng: rng.choice((s["w"], s["w"].title(), key + key[-1], key[:-1])),
    ),
    Family(
        "joined",
        "formatting",
        (
            "<Join|Connect|Link> <these words|the words|the items> with <hyphens|a hyphen>: "
            "{items}.",
            "<Write|Show|Give> <these words|the words> with hyphens between them: {items}.",
        ),
        ("<Put|Write> hyphens between <these words|the words>: {items}.",),
        _items,
        lambda s: s["items"].replace(", ", "-"),
        wrong=lambda s, key, rng: rng.choice(
            (s["items"], key.replace("-", " "), key.rsplit("-", 1)[0])
        ),
    ),
    Family(
        "json_person",
        "formatting",
        (
            "<Write|Give me|Show me> a JSON object for {name}, age {n1}, from {proper}.",
            "{name} is {n1} years old and lives in {proper}. <Write|Give|Show> this as JSON.",
            "<Turn|Change> this into JSON: {name}, {n1}, {proper}.",
        ),
        ("{name} from {proper} is {n1} years old. Write this as a JSON object.",),
        _person,
        _json_person,
    ),
    Family(
        "examples",
        "formatting",
        (
            "<Name|List|Give me|Tell me> <|exactly >{w1} {w2}.",
            "<Write|Give> a list of <|exactly >{w1} {w2}.",
            "I need {w1} {w2}<| for a game| for a test>. <Name|List> them.",
        ),
        ("Which {w1} {w2} do you know? <Name|List> them.",),
        _choice,
        _examples,
        wrong=_not_examples,
        accept=_are_examples,
    ),
    Family(
        "quoted",
        "formatting",
        (
            "<Write|Put|Show> <the word |>{w} in <double |>quotes.",
            "<Put|Set> <double |>quotes around <the word |>{w}.",
        ),
        ("<Show|Give> me <the word |>{w} with quotes around it.",),
        _capitals,
        lambda s: f'"{s["w"]}"',
        wrong=lambda s, key, rng: rng.choice((s["w"], f"'{s['w']}'", f'"{s["w"]}')),
    ),
)
