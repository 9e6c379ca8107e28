"""Facts: capitals, continents, animals, colours, jobs, the calendar."""

from collections.abc import Sequence
from random import Random

from synthetic_instruction_tuner.sandbox import tables
from synthetic_instruction_tuner.sandbox.families.words import look_up, pick
from synthetic_instruction_tuner.sandbox.family import Draw, Family, Key
from synthetic_instruction_tuner.sandbox.wording import Slots


def _country(rng: Random, table: dict[str, str]) -> Slots:
    return {"proper": rng.choice(tuple(table))}


def _cycle_draw(values: Sequence[str]) -> Draw:
    return lambda rng: {"w1": rng.choice(("after", "before")), "proper": rng.choice(values)}


def _cycle_key(values: Sequence[str]) -> Key:
    def key(slots: Slots) -> str | None:
        step = {"after": 1, "before": -1}.get(slots["w1"].lower())
        if slots["proper"] not in values or step is None:
            return None
        return values[(values.index(slots["proper"]) + step) % len(values)]

    return key


FAMILIES = (
    Family(
        "capital",
        "facts",
        (
            "What is the capital <city |>of {proper}?",
            "<Name|Give|Tell me> the capital <city |>of {proper}.",
            "Which city is the capital of {proper}?",
            "I <travel|fly|go> to {proper}. What is <its|the> capital?",
        ),
        ("<Give|Name> the city that is the capital of {proper}.",),
        lambda rng: _country(rng, tables.CAPITALS),
        lambda s: tables.CAPITALS.get(s["proper"]),
        "The capital of {proper} is {key}.",
    ),
    Family(
        "continent",
        "facts",
        (
            "<On which|Which> continent is {proper}?",
            "<Name|Give|Tell me> the continent of {proper}.",
            "On <what|which> continent <can I find|do I find> {proper}?",
        ),
        ("What is the continent of {proper}?",),
        lambda rng: _country(rng, tables.CONTINENTS),
        lambda s: tables.CONTINENTS.get(s["proper"]),
        "{proper} is in {key}.",
    ),
    Family(
        "sound",
        "facts",
        (
            "What sound does the {w} make?",
            "<Name|Give|Tell me> the sound of the {w}.",
            "What does the {w} do when it makes a sound?",
        ),
        ("Which sound does the {w} make?",),
        pick(tables.SOUNDS),
        look_up(tables.SOUNDS),
        "The {w} {key}.",
    ),
    Family(
        "young",
        "facts",
        (
            "What is the <young|baby> {w} called?",
            "<Name|Give|Tell me> the <word|name> for a <young|baby> {w}.",
            "What do <you|we|people> call the <young|baby> {w}?",
        ),
        ("Which word means a <young|baby> {w}?",),
        pick(tables.YOUNG),
        look_up(tables.YOUNG),
        "A young {w} is called a {key}.",
    ),
    Family(
        "colour",
        "facts",
        (
            "What colour is <|the >{w}?",
            "<Name|Give|Tell me> the colour of <|the >{w}.",
            "<What|Which> colour does <|the >{w} have?",
        ),
        ("Which is the colour of <|the >{w}?",),
        pick(tables.THING_COLOURS),
        look_up(tables.THING_COLOURS),
        "The colour of {w} is {key}.",
    ),
    Family(
        "job_place",
        "facts",
        (
            "Where does the {w} work?",
            "<Name|Give|Tell me> the place where the {w} works.",
            "My friend is a {w}. <Where|In what place> does my friend work?",
        ),
        ("In what place does the {w} work?",),
        pick(tables.JOB_PLACES),
        look_up(tables.JOB_PLACES),
        "The {w} works at the {key}.",
    ),
    Family(
        "weekday",
        "facts",
        (
            "What day comes {w1} {proper}?",
            "<Name|Give|Tell me> the day {w1} {proper}.",
            "Which day <is|comes> <just|right> {w1} {proper}?",
        ),
        ("Which day of the week comes {w1} {proper}?",),
        _cycle_draw(tables.DAYS),
        _cycle_key(tables.DAYS),
        "The day {w1} {proper} is {key}.",
    ),
    Family(
        "month",
        "facts",
        (
            "What month comes {w1} {proper}?",
            "<Name|Give|Tell me> the month {w1} {proper}.",
            "Which month <is|comes> <just|right> {w1} {proper}?",
        ),
        ("Which month of the year comes {w1} {proper}?",),
        _cycle_draw(tables.MONTHS),
        _cycle_key(tables.MONTHS),
        "The month {w1} {proper} is {key}.",
    ),
)
