"""Repetition: a word or phrase several times in a row, or a text that runs in a loop."""

from __future__ import annotations

from collections import Counter
from operator import eq

from pydantic import Field

from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import RuleConfig, Violation
from synthetic_instruction_tuner.text import SENTENCE_MARKS

ORDER = 60


class Config(RuleConfig):
    """Thresholds; three in a row are the study's specification."""

    times: int = Field(default=3, ge=2)
    """A word or phrase this often in a row turns the row away."""
    phrase_words: int = Field(default=8, ge=1)
    """Longest phrase looked at, in words."""
    loop_words: int = Field(default=10, ge=2)
    """Words of the n-grams that a loop is made of (the 10-grams of Gopher, arXiv 2112.11446)."""
    max_loop_share: float = Field(default=0.3, gt=0, le=1)
    """Share of the words that may lie in n-grams which occur more than once."""


def check(sample: Sample, config: Config) -> Violation | None:
    """Turn a row away if a turn repeats itself."""
    for turn in (*sample.user_turns, *sample.assistant_turns):
        words = [word.strip(SENTENCE_MARKS) or word for word in turn.casefold().split()]
        phrase = repeated_phrase(words, config.times, config.phrase_words)
        if phrase is not None:
            return Violation(phrase, f"fewer than {config.times} times in a row")
        share = looping_share(words, config.loop_words)
        if share > config.max_loop_share:
            return Violation(round(share, 4), config.max_loop_share)
    return None


def repeated_phrase(words: list[str], times: int, longest: int) -> str | None:
    """Return the first phrase that occurs `times` times in a row, shortest phrases first.

    Phrases without a letter do not count: rows of zeros, rulers of tables and the like.
    """
    for size in range(1, min(longest, len(words) // times) + 1):
        same = list(map(eq, words[size:], words))
        if sum(same) < size * (times - 1):
            continue
        run = 0
        for end, is_same in enumerate(same, size):
            run = run + 1 if is_same else 0
            if run == size * (times - 1):
                phrase = words[end - size + 1 : end + 1]
                if any(map(str.isalpha, "".join(phrase))):
                    return " ".join(phrase)
    return None


def looping_share(words: list[str], size: int) -> float:
    """Return the share of words covered by n-grams that occur more than once."""
    grams = [tuple(words[start : start + size]) for start in range(len(words) - size + 1)]
    counts = Counter(grams)
    if len(counts) == len(grams):
        return 0.0
    covered = [False] * len(words)
    for start, gram in enumerate(grams):
        if counts[gram] > 1:
            covered[start : start + size] = [True] * size
    return sum(covered) / len(words) if words else 0.0
