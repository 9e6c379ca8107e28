"""Refusal: the response declines, at the place where a refusal stands: its first sentences."""

from __future__ import annotations

import re

from pydantic import Field

from synthetic_instruction_tuner.filtering.rule import RuleConfig, Violation
from synthetic_instruction_tuner.filtering.text import assistant_turns
from synthetic_instruction_tuner.records import Sample

ORDER = 70

_NOT = (
    r"(?:can(?:no|')?t|can not|won't|will not|am not able to|'m not able to|am unable to"
    r"|'m unable to|don't feel comfortable)"
)
_VERB = (
    r"(?:help|assist|provide|fulfil+|comply|answer|create|generate|write|produce"
    r"|do (?:that|this|so)|discuss|engage|complete|access|browse|open|see|view|give|offer|share"
    r"|support|satisfy|participate|continue|process|respond|recommend|predict|display|promote|encourage|explain"
    r"|determine|verify|perform|physically)"
)
REFUSAL = re.compile(
    rf"\bI(?:'m sorry,?| apologi[sz]e,?)?(?: but)?(?: I)? ?{_NOT} (?:\w+ly )?{_VERB}\b"
    r"|\b(?:I'm|I am) (?:very |so |really )?sorry,? but (?:I|as an?|this|that)\b"
    r"|\bas an? (?:AI|artificial intelligence|(?:large )?language model)\b"
    r"|\b(?:I'm|I am) (?:just |only |simply )?an? (?:AI|artificial intelligence"
    r"|(?:large )?language model|computer program)\b"
    r"|\bI (?:don't|do not) have (?:the ability|the capability|access to (?:real|the internet|your)"
    r"|personal (?:experiences|opinions|feelings|beliefs))"
    r"|\bI must (?:decline|refuse)\b",
    re.IGNORECASE,
)
"""The first person declines. "I cannot" counts before a verb of helping, not in a story."""
QUOTED = re.compile(r"\"[^\"\n]*\"|“[^”\n]*”|^\s*>.*$|`[^`\n]*`", re.MULTILINE)
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


class Config(RuleConfig):
    """Where a refusal is looked for."""

    sentences: int = Field(default=2, ge=1)
    """Sentences from the start of a response; a refusal further on is about something else."""


def check(sample: Sample, config: Config) -> Violation | None:
    """Turn a row away if a response begins by declining; quoted sentences do not count."""
    for turn in assistant_turns(sample):
        found = REFUSAL.search(opening(turn, config.sentences))
        if found:
            return Violation(found.group().strip(), f"no refusal in {config.sentences} sentences")
    return None


def opening(text: str, sentences: int) -> str:
    """Return the first sentences without what is quoted, with straight apostrophes."""
    unquoted = QUOTED.sub(" ", text.replace("’", "'")).strip()
    return " ".join(SENTENCE_END.split(unquoted)[:sentences])
