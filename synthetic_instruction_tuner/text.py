"""The views of a row's text that rules, duplicates and contamination share."""

from __future__ import annotations

import re
import unicodedata

SENTENCE_MARKS = ".,;:!?\"'()[]{}“”‘’«»…*`_"
_LETTERS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def count_words(text: str) -> int:
    """Count words as the specification does: whatever white space separates."""
    return len(text.split())


def alphabetic_words(text: str) -> list[str]:
    """Return the words made of letters; numbers, formulas and rules of tables are left out."""
    return _LETTERS.findall(text)


def plain(text: str) -> str:
    """Reduce a text to what makes it an exact copy: no case, one space, compatible characters.

    Punctuation stays, because "3 + 4" and "3 - 4" are different questions.
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def comparison_words(text: str) -> set[str]:
    """Return the set of words that near-duplicates are compared on.

    Words are what white space separates, without case and without the marks around them; a word
    made of marks alone (an operator such as "+") stays as it is.
    """
    return {word.strip(SENTENCE_MARKS) or word for word in plain(text).split()}


def squeezed(text: str) -> str:
    """Reduce a text to its letters and digits: edits of case, marks and spaces change nothing."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if char.isalnum())
