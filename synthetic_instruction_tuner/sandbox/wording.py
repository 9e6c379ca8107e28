"""The wording grammar: one template for many surface forms and their pattern.

A template holds slots ``{a}`` and choices ``<first|second|>``. `render` picks one option of
each choice and fills the slots; `compile_template` turns the same template into a regular
expression, so that a checker can read an instruction that some model wrote, not only those that
the generator made.
"""

import re
from collections.abc import Mapping
from random import Random
from typing import Final

Slots = Mapping[str, str]

_CHOICE: Final = re.compile(r"<([^<>|]*\|[^<>]*)>")
_PART: Final = re.compile(r"<[^<>|]*\|[^<>]*>|\{(\w+)\}")

# A slot's leading letters name its kind, so that a family rarely has to spell out a pattern.
_SLOT_KINDS: Final = (
    ("nums", r"\d+(?:, \d+)+"),
    ("items", r"[a-z]+(?:, [a-z]+)+"),
    ("name", r"[A-Z][a-z]+"),
    ("text", r"[^\n]+?"),
    ("proper", r"[A-Z][a-z]+(?: [A-Z][a-z]+)?"),
    ("var", r"[a-z_]+"),
    ("w", r"[a-z]+"),
    ("n", r"\d{1,5}"),
)


def slot_pattern(slot: str) -> str:
    """Return the regular expression of a slot, by the longest kind that its name starts with."""
    for kind, pattern in _SLOT_KINDS:
        if slot.startswith(kind):
            return pattern
    raise ValueError(f"slot {slot!r} is of no known kind")


def render(template: str, slots: Slots, rng: Random) -> str:
    """Write out a template: a random option of each choice, and the slots' values."""
    text = _CHOICE.sub(lambda match: rng.choice(match[1].split("|")), template)
    return re.sub(r"\{(\w+)\}", lambda match: slots[match[1]], text)


def expand_count(template: str) -> int:
    """Number of surface forms of a template before its slots are filled."""
    total = 1
    for match in _CHOICE.finditer(template):
        total *= len(match[1].split("|"))
    return total


# A model mixes the ways to ask for something; each of these means the same before a noun.
_ASKING: Final = ("Give", "Give me", "Tell me", "Show", "Show me", "Name", "Write", "Find", "List")


def pattern_of(template: str, *, lenient: bool = False) -> str:
    """Return the regular expression text of a template; a slot used twice holds the same text.

    Args:
        template: The template.
        lenient: Where the template asks with one of the verbs of asking, read the others too.
    """
    parts: list[str] = []
    seen: set[str] = set()
    position = 0
    for match in _PART.finditer(template):
        parts.append(re.escape(template[position : match.start()]))
        slot = match[1]
        if slot is None:
            options = match[0][1:-1].split("|")
            if lenient and not set(options).isdisjoint(_ASKING):
                options = list(dict.fromkeys([*options, *_ASKING]))
            parts.append("(?:" + "|".join(_inner(option, seen) for option in options) + ")")
        else:
            parts.append(_slot(slot, seen))
        position = match.end()
    parts.append(re.escape(template[position:]))
    return "".join(parts)


def _inner(option: str, seen: set[str]) -> str:
    """Pattern of one option of a choice; slots in options match but are not read back."""
    pieces = re.split(r"\{(\w+)\}", option)
    return "".join(
        slot_pattern(piece) if index % 2 else re.escape(piece) for index, piece in enumerate(pieces)
    )


def _slot(slot: str, seen: set[str]) -> str:
    if slot in seen:
        return f"(?P={slot})"
    seen.add(slot)
    return f"(?P<{slot}>{slot_pattern(slot)})"


def compile_template(template: str, *, lenient: bool = False) -> re.Pattern[str]:
    """Compile a template into the pattern that reads its slots, in any case of letters."""
    return re.compile(pattern_of(template, lenient=lenient), re.IGNORECASE)


# What a person may say around a task. Half of the rows carry one; the checker reads past them.
OPENINGS: Final = (
    "<Hello|Hi|Hey|Good morning|Good evening>! ",
    "<Hello|Hi|Hey|Good morning>, I am {name}. ",
    "<Hello|Hi>, <my name is|this is> {name} and I <have a question|need your help|want to "
    "learn>. ",
    "My <brother|sister|friend|teacher|boss|cousin|neighbour> {name} <asked me this|wants to "
    "know this|needs this>: ",
    "<This is for|It is for> my <homework|class|quiz|notes|lesson|work|blog>. ",
    "I have a <quick|short|small|simple|little> <question|task|problem> for you. ",
    "<Please help me|Help me out|Kindly help> with this <one|task|question>. ",
    "<Quick question|Next question|One more task|Here is a task|Small task|Homework>: ",
    "{name} and {name2} are <playing a quiz|doing homework|at school|preparing a test>. ",
    "<Task|Question|Exercise|Item> {n}: ",
)

CLOSINGS: Final = (
    " <Thanks|Thank you>!",
    " <Thanks|Thank you>, {name}.",
    " <Please be|Be> <brief|quick|exact|careful>.",
    " Answer in one line.",
    " I need it for {name}.",
)


def around(text: str, names: tuple[str, ...], rng: Random) -> str:
    """Put an opening and/or a closing around a task in about half of the cases."""
    slots = {"name": rng.choice(names), "name2": rng.choice(names), "n": str(rng.randint(1, 20))}
    draw = rng.random()
    if draw < 0.45:
        text = render(rng.choice(OPENINGS), slots, rng) + text
    if draw < 0.10 or 0.45 <= draw < 0.55:
        text += render(rng.choice(CLOSINGS), slots, rng)
    return text


def _any_of(templates: tuple[str, ...]) -> str:
    plain = (re.sub(r"\(\?P<\w+>", "(?:", pattern_of(template)) for template in templates)
    return "|".join(f"(?:{pattern})" for pattern in plain)


_OPENING_PATTERN: Final = re.compile(f"(?:{_any_of(OPENINGS)})")
_CLOSING_PATTERN: Final = re.compile(f"(?:{_any_of(CLOSINGS)})$")


def strip_around(text: str) -> str:
    """Remove known openings (at most two) and one known closing from an instruction."""
    text = text.strip()
    for _ in range(2):
        opening = _OPENING_PATTERN.match(text)
        if opening:
            text = text[opening.end() :]
    return _CLOSING_PATTERN.sub("", text).strip()
