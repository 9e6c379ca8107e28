"""Language: English only.

Three steps, cheapest first: text in another script is not English; text with enough of the words
that only English has is; the rest is judged by the n-gram statistics of lingua
(https://github.com/pemistahl/lingua-rs), whose models are fixed, so that the result is the same
everywhere. Its light mode is used: 40 MB of memory instead of 330.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic import Field

from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import RuleConfig, Violation
from synthetic_instruction_tuner.text import alphabetic_words

ORDER = 90

LANGUAGES = (
    "ENGLISH", "DANISH", "DUTCH", "FRENCH", "GERMAN", "INDONESIAN", "ITALIAN", "POLISH",
    "PORTUGUESE", "ROMANIAN", "SPANISH", "SWEDISH", "TURKISH", "VIETNAMESE",
)  # fmt: skip
"""What English is told from: the languages in Latin script that instruct models drift into."""

UNMISTAKABLE = frozenset((
    "and", "are", "because", "been", "between", "can", "could", "does", "each", "following",
    "from", "give", "have", "how", "into", "it", "its", "make", "many", "my", "not", "of",
    "please", "should", "than", "that", "the", "their", "them", "there", "these", "they", "this",
    "through", "to", "what", "when", "where", "which", "who", "why", "with", "would", "write",
    "you", "your",
))  # fmt: skip
"""Frequent English words that are rare or absent in the other languages."""


class Config(RuleConfig):
    """How sure the rule must be."""

    max_other_script: float = Field(default=0.3, ge=0, le=1)
    """Share of letters from other scripts (Greek in formulas, a quoted word) that may be there."""
    unmistakable_share: float = Field(default=0.1, gt=0, le=1)
    """Share of unmistakably English words from which a text passes."""
    min_english: float = Field(default=0.01, ge=0, le=1)
    """Otherwise, least probability of English according to lingua. Short English texts without
    any frequent word get little of it, texts in another language next to nothing."""
    min_words: int = Field(default=6, ge=1)
    """Texts with fewer words are not judged by lingua: names, formulas, code."""
    max_characters: int = Field(default=400, ge=20)
    """Characters judged, from the start of a turn."""


def check(sample: Sample, config: Config) -> Violation | None:
    """Turn a row away if one of its turns is not English."""
    for turn in (*sample.user_turns, *sample.assistant_turns):
        violation = _check_text(turn[: config.max_characters], config)
        if violation is not None:
            return violation
    return None


def _check_text(text: str, config: Config) -> Violation | None:
    if not text.isascii():  # most texts are, and hold no other script
        letters = [char for char in text if char.isalpha()]
        others = sum(not is_latin(char) for char in letters)
        if others > config.max_other_script * len(letters):
            return Violation(round(1 - others / len(letters), 4), 1 - config.max_other_script)
    words = [word for word in alphabetic_words(text) if len(word) > 1 and is_latin(word[0])]
    if len(words) < config.min_words or unmistakable_share(words) >= config.unmistakable_share:
        return None
    probability = english_probability(" ".join(words))
    if probability >= config.min_english:
        return None
    return Violation(round(probability, 4), config.min_english)


def is_latin(char: str) -> bool:
    """Tell whether a letter belongs to the Latin script, accents and Vietnamese included."""
    return ord(char) < 0x250 or 0x1E00 <= ord(char) < 0x1F00


def unmistakable_share(words: list[str]) -> float:
    """Return the share of words that hardly any other language has."""
    return sum(word.casefold() in UNMISTAKABLE for word in words) / len(words)


def english_probability(text: str) -> float:
    """Return the probability of English among `LANGUAGES`, 0..1."""
    detector, english = _detector()
    return float(detector.compute_language_confidence(text, english))


@cache
def _detector() -> tuple[Any, Any]:
    from lingua import Language, LanguageDetectorBuilder

    chosen = [getattr(Language, name) for name in LANGUAGES]
    builder = LanguageDetectorBuilder.from_languages(*chosen).with_low_accuracy_mode()
    return builder.build(), Language.ENGLISH
