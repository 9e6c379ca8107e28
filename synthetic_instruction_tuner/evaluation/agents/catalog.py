"""Everyday requests that one call answers: what is said, which tool, which arguments."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from synthetic_instruction_tuner.evaluation.agents.item import Arguments
from synthetic_instruction_tuner.evaluation.agents.tool import Tool, integer, one_of, words
from synthetic_instruction_tuner.evaluation.agents.words import CITIES, DAYS, PEOPLE, ROOMS

LANGUAGES = ("Spanish", "French", "German", "Italian", "Dutch")
_TEXTS = ("the bus is late", "dinner is at eight", "see you soon", "call me back", "good luck")
_NOUNS = ("house", "river", "bread", "winter", "friend", "window", "garden", "letter")


@dataclass(frozen=True)
class Kind:
    """A kind of request.

    Attributes:
        opening: How the request starts.
        phrases: How each argument is said, in the order of the sentence.
        values: What each argument is drawn from.
    """

    tool: Tool
    opening: str
    phrases: dict[str, str]
    values: dict[str, tuple[str | int, ...]]


def _kind(name: str, does: str, opening: str, **parts: tuple[str, tuple[Any, ...], Any]) -> Kind:
    """Build a kind from (phrase, values, schema) a parameter."""
    return Kind(
        Tool(name, does, {key: schema for key, (_, _, schema) in parts.items()}),
        opening,
        {key: phrase for key, (phrase, _, _) in parts.items()},
        {key: values for key, (_, values, _) in parts.items()},
    )


KINDS = (
    _kind(
        "timer", "start a timer", "Start a timer",
        minutes=("of {} minutes", tuple(range(2, 59)), integer()),
    ),
    _kind(
        "weather", "forecast for a city on a day", "Show the weather forecast",
        city=("for {}", CITIES, words()), day=("on {}", DAYS, one_of(*DAYS)),
    ),
    _kind(
        "send_message", "write to a person", "Send a message",
        person=("to {}", PEOPLE, words()), text=('saying "{}"', _TEXTS, words()),
    ),
    _kind(
        "transfer", "send money to a person", "Transfer money:",
        amount=("{} euros", tuple(range(5, 300)), integer()), person=("to {}", PEOPLE, words()),
    ),
    _kind(
        "heating", "set the temperature of a room", "Set the heating",
        room=("in the {}", ROOMS, words()),
        degrees=("to {} degrees", tuple(range(15, 26)), integer()),
    ),
    _kind(
        "light", "switch a room's light", "Turn the light",
        state=("{}", ("on", "off"), one_of("on", "off")), room=("in the {}", ROOMS, words()),
    ),
    _kind(
        "translate", "translate a word", "Translate",
        text=('the word "{}"', _NOUNS, words()),
        language=("into {}", LANGUAGES, one_of(*LANGUAGES)),
    ),
    _kind(
        "book_flight", "book seats on a flight", "Book a flight",
        origin=("from {}", CITIES[:8], words()), destination=("to {}", CITIES[8:], words()),
        day=("on {}", DAYS, one_of(*DAYS)), seats=("for {} people", tuple(range(2, 9)), integer()),
    ),
    _kind(
        "book_table", "reserve a table in a restaurant", "Reserve a table",
        guests=("for {} guests", tuple(range(2, 12)), integer()),
        day=("on {}", DAYS, one_of(*DAYS)),
        hour=("at {} o'clock", tuple(range(11, 23)), integer()),
    ),
    _kind(
        "add_event", "put an event into the calendar", "Put",
        title=('"{}" into my calendar', ("dentist", "yoga", "team lunch", "choir"), words()),
        day=("on {}", DAYS, one_of(*DAYS)), hour=("at {} o'clock", tuple(range(8, 20)), integer()),
    ),
)  # fmt: skip
"""Every kind of request; their tools overlap enough to be mistaken for each other."""

ASKED: dict[str, tuple[str, ...]] = {
    "minutes": ("minutes", "how long", "duration"),
    "city": ("city", "where", "place", "location"),
    "day": ("day", "when", "date"),
    "person": ("person", "who", "whom", "recipient", "name"),
    "text": ("text", "content", "say", "what message", "which message", "what word", "which word"),
    "amount": ("amount", "how much"),
    "room": ("room", "where"),
    "degrees": ("degrees", "temperature", "how warm"),
    "state": ("state", "on or off"),
    "language": ("language",),
    "origin": ("origin", "where from", "from where", "departure"),
    "destination": ("destination", "where to", "to where"),
    "seats": ("seats", "how many", "people"),
    "guests": ("guests", "how many", "people"),
    "hour": ("hour", "time", "when"),
    "title": ("title", "what event", "which event"),
}
"""Words that show that a reply asks for a parameter."""


@dataclass(frozen=True)
class Request:
    """One request with the call that answers it."""

    kind: Kind
    arguments: dict[str, str | int]

    def said(self, without: str | None = None) -> str:
        """Say the request; one argument may be left out."""
        parts = [
            phrase.format(self.arguments[name])
            for name, phrase in self.kind.phrases.items()
            if name != without
        ]
        return " ".join([self.kind.opening, *parts]) + "."

    @property
    def gold(self) -> Arguments:
        """The right call as a check wants it."""
        return {"tool": self.kind.tool.name, "arguments": self.arguments}


def request(rng: Random, kinds: tuple[Kind, ...] | list[Kind]) -> Request:
    """Draw a request of one of these kinds."""
    kind = rng.choice(kinds)
    return Request(kind, {name: rng.choice(values) for name, values in kind.values.items()})


def tools() -> tuple[Tool, ...]:
    """Return the tools of all kinds."""
    return tuple(kind.tool for kind in KINDS)


def with_arguments(least: int, most: int) -> list[Kind]:
    """Return the kinds with so many parameters."""
    return [kind for kind in KINDS if least <= len(kind.phrases) <= most]


def offer(
    rng: Random, needed: list[Kind], count: int, never: Kind | None = None
) -> tuple[str, ...]:
    """Draw which tools are offered: all needed ones and others, in random order.

    Args:
        rng: Random stream.
        needed: Kinds that must be offered.
        count: How many in all.
        never: A kind that must not be offered.
    """
    names = [kind.tool.name for kind in needed]
    others = [kind.tool.name for kind in KINDS if kind not in needed and kind is not never]
    offered = [*dict.fromkeys(names), *rng.sample(others, count - len(set(names)))]
    rng.shuffle(offered)
    return tuple(offered)
