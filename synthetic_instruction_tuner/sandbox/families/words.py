"""Words: plural, past tense, opposite, comparative, letters."""

from collections.abc import Mapping
from random import Random

from synthetic_instruction_tuner.sandbox import tables
from synthetic_instruction_tuner.sandbox.family import Draw, Family, Key, Wrong
from synthetic_instruction_tuner.sandbox.wording import Slots


def pick(table: Mapping[str, str]) -> Draw:
    """Draw one entry of a table as slot ``w``."""
    words = tuple(table)
    return lambda rng: {"w": rng.choice(words)}


def look_up(table: Mapping[str, str]) -> Key:
    """Solve by the table; a word outside it has no answer in this world."""
    return lambda slots: table.get(slots["w"].lower())


def _spelled(rng: Random) -> Slots:
    return {"w": rng.choice(tables.SPELL_WORDS)}


def _known(key: Key) -> Key:
    """Only lower-case words of three or more letters are spelled."""
    return lambda slots: key(slots) if len(slots["w"]) >= 3 else None


def _regular(suffix: str) -> Wrong:
    def wrong(slots: Slots, key: str, rng: Random) -> str:
        return rng.choice((slots["w"] + suffix, slots["w"], slots["w"] + "e" + suffix))

    return wrong


def _letter(slots: Slots, key: str, rng: Random) -> str:
    return rng.choice([letter for letter in slots["w"] + "aeiou" if letter != key])


def _swap(slots: Slots, key: str, rng: Random) -> str:
    letters = key.split("-")
    index = rng.randrange(len(letters) - 1)
    letters[index], letters[index + 1] = letters[index + 1], letters[index]
    return "-".join(letters)


FAMILIES = (
    Family(
        "plural",
        "words",
        (
            "What is the plural <form |>of <the word |>{w}?",
            "<Give|Tell|Show> me the plural <form |>of {w}.",
            "<Write|Find|Form> the plural of <the word |>{w}.",
            "One {w}, two <...|what>?",
        ),
        ("Which word is the plural of {w}?", "<Write|Give> the plural form of the word {w}."),
        pick(tables.PLURALS),
        look_up(tables.PLURALS),
        "The plural of {w} is {key}.",
        _regular("s"),
    ),
    Family(
        "past_tense",
        "words",
        (
            "What is the past tense of <the verb |>{w}?",
            "<Give|Tell|Show> me the past tense of {w}.",
            "<Put|Change> the verb {w} <in|into> the past<| tense>.",
            "Today I {w}, yesterday I <...|what>?",
        ),
        ("Which word is the past tense of {w}?", "<Write|Find> the past tense of the verb {w}."),
        pick(tables.PAST_TENSES),
        look_up(tables.PAST_TENSES),
        "The past tense of {w} is {key}.",
        _regular("ed"),
    ),
    Family(
        "opposite",
        "words",
        (
            "What is the opposite of <the word |>{w}?",
            "<Give|Tell|Show> me <the|a word that is the> opposite of {w}.",
            "<Write|Find|Name> the opposite of <the word |>{w}.",
            "What <word |>means the opposite of {w}?",
        ),
        ("Which word is the opposite of {w}?", "<Write|Give> a word that is the opposite of {w}."),
        pick(tables.OPPOSITES),
        look_up(tables.OPPOSITES),
        "The opposite of {w} is {key}.",
    ),
    Family(
        "comparative",
        "words",
        (
            "What is the comparative <form |>of <the word |>{w}?",
            "<Give|Tell|Show> me the comparative of {w}.",
            "<Write|Find|Form> the comparative of <the adjective |>{w}.",
        ),
        ("Which word is the comparative of {w}?",),
        pick(tables.COMPARATIVES),
        look_up(tables.COMPARATIVES),
        "The comparative of {w} is {key}.",
    ),
    Family(
        "first_letter",
        "words",
        (
            "What is the first letter of <the word |>{w}?",
            "<Give|Tell|Show> me the first letter of {w}.",
            "<What|Which> letter does <the word |>{w} <start|begin> with?",
        ),
        ("Which letter comes first in <the word |>{w}?",),
        _spelled,
        _known(lambda s: s["w"][0]),
        "The first letter of {w} is {key}.",
        _letter,
    ),
    Family(
        "last_letter",
        "words",
        (
            "What is the last letter of <the word |>{w}?",
            "<Give|Tell|Show> me the last letter of {w}.",
            "<What|Which> letter does <the word |>{w} end with?",
        ),
        ("Which letter comes last in <the word |>{w}?",),
        _spelled,
        _known(lambda s: s["w"][-1]),
        "The last letter of {w} is {key}.",
        _letter,
    ),
    Family(
        "count_letters",
        "words",
        (
            "How many letters are <there |>in <the word |>{w}?",
            "<Count|Find> the <letters in|number of letters in> <the word |>{w}.",
            "How many letters does <the word |>{w} have?",
        ),
        ("<Give|Tell> me the number of letters in {w}.",),
        _spelled,
        _known(lambda s: str(len(s["w"]))),
        "The word {w} has {key} letters.",
        lambda s, key, rng: str(int(key) + rng.choice((-1, 1, 2))),
    ),
    Family(
        "spell",
        "words",
        (
            "<Spell|Spell out> <the word |>{w} <with hyphens|letter by letter>.",
            "How do <you|I> spell <the word |>{w}?",
            "<Write|Show|Give> the letters of <the word |>{w} with hyphens.",
        ),
        ("<Write|Show> <the word |>{w} letter by letter.",),
        _spelled,
        _known(lambda s: "-".join(s["w"])),
        wrong=_swap,
    ),
    Family(
        "spell_backwards",
        "words",
        (
            "<Spell|Spell out> <the word |>{w} backwards<| with hyphens>.",
            "How do <you|I> spell <the word |>{w} backwards?",
            "<Write|Show|Give> the letters of <the word |>{w} <backwards|in reverse>.",
        ),
        ("<Write|Show> <the word |>{w} backwards letter by letter.",),
        _spelled,
        _known(lambda s: "-".join(reversed(s["w"]))),
        wrong=_swap,
    ),
)
