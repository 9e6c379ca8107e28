"""Refusal: the response declines, at the place where a refusal stands: its first sentences."""

from __future__ import annotations

import re

from pydantic import Field

from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import RuleConfig, Violation
from synthetic_instruction_tuner.text import without_quotations

ORDER = 70

_NOT = (
    r"(?:can(?:no|')?t(?: (?:and|or) (?:will not|won't))?|can not|won't|will not|am not able to"
    r"|'m not able to|am unable to|'m unable to|don't feel comfortable)"
)
_VERB = (
    r"(?:help|assist|provide|fulfil+|comply|answer|create|generate|write|produce"
    r"|do (?:that|this|so)|discuss|engage|complete|access|browse|open|see|view|give|offer|share"
    r"|support|satisfy|participate|continue|process|respond|recommend|predict|display|promote|encourage|explain"
    r"|determine|verify|perform|physically)"
)
_MODEL = (
    r"an? (?:AI|artificial intelligence|(?:large )?language model|computer program)"
    r"(?: (?:language )?model| assistant| system| chatbot)?"
)
REFUSAL = re.compile(
    rf"\bI(?:'m sorry,?| apologi[sz]e,?)?(?: but)?(?: I)? ?{_NOT} (?:\w+ly )?{_VERB}\b"
    r"|\b(?:I'm|I am) (?:very |so |really )?sorry,? but (?:I (?:don't|do not|am not|cannot|can't)"
    r"|I'm not|as an?|th(?:is|at) (?:request|question|content|topic|is not something))\b"
    rf"|\bas {_MODEL}(?:,| I\b)"
    rf"|\b(?:I'm|I am) (?:just |only |simply )?{_MODEL}\b(?! \w*(?:er|or|ist)\b)"
    r"|\bI (?:don't|do not) have (?:the ability|the capability"
    r"|(?:real-time |direct )?access to (?:real|the internet|the news|current|live|your)"
    r"|personal (?:experiences|opinions|feelings|beliefs))"
    r"|\bI must (?:decline|refuse)\b"
    r"|\bit(?:'s| is| would be) (?:not |in)appropriate for me to\b",
    re.IGNORECASE,
)
"""The first person declines. "I cannot" counts before a verb of helping, not in a story."""
BLOCK_QUOTE = re.compile(r"^[^\S\n]*>.*$", re.MULTILINE)
LETTER = re.compile(r"\A\s*(?:Subject:|(?:Dear|(?:Hi|Hello|Hey)(?= [A-Z]))[^\n]{0,60},\s*\n)")
"""Who opens with a subject or a salutation writes for somebody else."""
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


class Config(RuleConfig):
    """Where a refusal is looked for."""

    sentences: int = Field(default=2, ge=1)
    """Sentences from the start of a response; a refusal further on is about something else."""


def check(sample: Sample, config: Config) -> Violation | None:
    """Turn a row away if a response begins by declining; quoted sentences do not count."""
    for turn in sample.assistant_turns:
        found = REFUSAL.search(opening(turn, config.sentences))
        if found and not LETTER.match(turn):
            return Violation(found.group().strip(), f"no refusal in {config.sentences} sentences")
    return None


def opening(text: str, sentences: int) -> str:
    """Return the first sentences without what is quoted, with straight apostrophes."""
    unquoted = without_quotations(BLOCK_QUOTE.sub(" ", text.replace("’", "'"))).strip()
    return " ".join(SENTENCE_END.split(unquoted)[:sentences])
