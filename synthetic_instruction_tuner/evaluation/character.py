"""The character of a model's answers: length, sentences, variety, refusals.

Counts only, no judgement: whether a model became terse, repetitive or evasive shows beside its
scores.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence

WORD = re.compile(r"\w+(?:['’-]\w+)*")
MARKER = re.compile(r"^[^\S\n]*\d+[.)](?=\s)", re.MULTILINE)
ABBREVIATIONS = "".join(
    rf"(?<!\b{re.escape(one)})" for one in ("Mr", "Mrs", "Ms", "Dr", "St", "vs", "e.g", "i.e")
)
SENTENCE_END = re.compile(
    ABBREVIATIONS + r"""(?<![.!?][.!?])[.!?]+[*_`]*(?:["'”’)\]]+(?!\s+[a-z]))?(?=\s|$)|\n"""
)
"""A quotation that ends within a sentence does not end it: 'He said "Go!" and left.'

A run of marks is read from its first one, or from its second one where the first belongs to an
abbreviation; from every one, the time would grow with the square of its length."""
REFUSALS = (
    "i'm sorry, but", "i am sorry, but", "i cannot help", "i can't help", "i cannot assist",
    "i can't assist", "i'm unable to", "i am unable to", "as an ai", "i cannot provide",
    "i can't provide", "i won't be able to", "i must decline",
)  # fmt: skip
"""Phrases of a refusal, lower case; looked for in the first 200 characters."""


def words(text: str) -> list[str]:
    """Split a text into lower-case words."""
    return WORD.findall(text.lower())


def sentences(text: str) -> int:
    r"""Count sentences: stretches with a word, ended by . ! ? before white space, or a line break.

    The number of a list entry is no sentence of its own, and neither 3.5 nor "Dr." ends one.

    >>> sentences("First this. Then that!\nDone")
    3
    """
    parts = SENTENCE_END.split(MARKER.sub("", text))
    return sum(WORD.search(part) is not None for part in parts)


def distinct(tokens: Sequence[Sequence[str]], n: int) -> float | None:
    """Share of different n-grams among all (distinct-n, arXiv 1510.03055); None without any."""
    grams = [tuple(one[i : i + n]) for one in tokens for i in range(len(one) - n + 1)]
    return len(set(grams)) / len(grams) if grams else None


def refuses(text: str) -> bool:
    """Whether an answer begins like a refusal."""
    start = text[:200].lower().replace("’", "'")
    return any(phrase in start for phrase in REFUSALS)


def describe(answers: Sequence[str]) -> dict[str, float | int | None]:
    """Describe the answers of one model.

    Returns:
        Counts and shares; None where there is nothing to measure (no words at all).
    """
    tokens = [words(one) for one in answers]
    flat = [word for one in tokens for word in one]
    lengths = [len(one) for one in tokens]
    return {
        "answers": len(answers),
        "words_mean": statistics.fmean(lengths),
        "words_median": float(statistics.median(lengths)),
        "sentences_mean": statistics.fmean(sentences(one) for one in answers),
        "vocabulary": len(set(flat)),
        "distinct_1": distinct(tokens, 1),
        "distinct_2": distinct(tokens, 2),
        "refusal_share": sum(refuses(one) for one in answers) / len(answers),
        "empty_share": sum(not one.strip() for one in answers) / len(answers),
    }
