"""The views of a row's text that rules, duplicates and contamination share."""

from __future__ import annotations

import re
import unicodedata

SENTENCE_MARKS = ".,;:!?\"'()[]{}“”‘’«»…*`_"
INVISIBLE = "\u00ad\u034f\u061c\u180e\ufeff" + "".join(
    map(chr, (*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2070)))
)
"""Soft hyphens, zero-width spaces and joiners, marks of direction: nobody reads them."""
_COMPARED = str.maketrans(
    dict.fromkeys(INVISIBLE) | dict.fromkeys("‘’‛ʼ", "'") | dict.fromkeys("“”„‟", '"')
)
_LETTERS = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_QUOTES = {'"': '"', "“": "”", "`": "`"}
_OPENING = re.compile('["“`]')
_MARKS = 30
"""Combining marks in a row that normalisation sees: UAX #15's stream-safe text, which no language
exceeds. Sorting a longer run takes the square of its length."""
_MAYBE_MARKS = re.compile(rf"[^\x00-\u02ff]{{{_MARKS + 1},}}")


FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Where a spreadsheet takes a cell for a formula; the last four are the wide forms of East Asia."""


def spreadsheet_cell(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would run as a formula (OWASP, CSV injection)."""
    return "'" + text if text[:1] in FORMULA else text


def count_words(text: str) -> int:
    """Count words as the specification does: whatever white space separates."""
    return len(text.split())


def alphabetic_words(text: str) -> list[str]:
    """Return the words made of letters; numbers, formulas and rules of tables are left out."""
    return _LETTERS.findall(text)


def plain(text: str) -> str:
    """Reduce a text to what makes it an exact copy: no case, one space, compatible characters.

    What nobody sees goes, and quotation marks and apostrophes have one form. Other punctuation
    stays, because "3 + 4" and "3 - 4" are different questions.
    """
    return " ".join(normalized(text).casefold().translate(_COMPARED).split())


def normalized(text: str) -> str:
    """Return the NFKC form, without the combining marks beyond `_MARKS` in a row."""
    return unicodedata.normalize("NFKC", _MAYBE_MARKS.sub(_drop_marks, text))


def _drop_marks(found: re.Match[str]) -> str:
    kept, run = [], 0
    for char in found.group():
        decomposed = unicodedata.normalize("NFKD", char)
        run = run + 1 if unicodedata.combining(decomposed[0]) else 0
        if run <= _MARKS:
            kept.append(char)
    return "".join(kept)


def without_quotations(text: str) -> str:
    """Put a space in the place of what stands in quotation marks or backquotes within a line."""
    return "\n".join(map(_without_quotations, text.split("\n")))


def _without_quotations(line: str) -> str:
    """One pass: a kind of mark that is not closed once is not closed further on either."""
    kept, start, at, unclosed = [], 0, 0, ""
    while found := _OPENING.search(line, at):
        at, mark = found.end(), found.group()
        end = -1 if mark in unclosed else line.find(_QUOTES[mark], at)
        if end < 0:
            unclosed += mark
        else:
            kept += [line[start : found.start()], " "]
            start = at = end + 1
    return "".join((*kept, line[start:]))


def comparison_words(text: str) -> set[str]:
    """Return the set of words that near-duplicates are compared on.

    Words are what white space separates, without case and without the marks around them; a word
    made of marks alone (an operator such as "+") stays as it is.
    """
    return {word.strip(SENTENCE_MARKS) or word for word in plain(text).split()}


_NO_LETTER_OR_DIGIT = re.compile(r"[^a-z0-9]+")


def squeezed(text: str) -> str:
    """Reduce a text to its letters and digits: edits of case, marks and spaces change nothing."""
    folded = normalized(text).casefold()
    if folded.isascii():
        return _NO_LETTER_OR_DIGIT.sub("", folded)
    return "".join(char for char in folded if char.isalnum())
