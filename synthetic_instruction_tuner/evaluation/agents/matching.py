"""Comparing a given answer with the right one, generously about writing, strictly about content.

After the quasi-exact match of GAIA (arXiv 2311.12983, section 4): the right answer's own type
decides whether both are compared as numbers, as lists, or as strings.
"""

from __future__ import annotations

import math
import re
from typing import Any

_UNITS = re.compile(r"[$€£%,]")
_SENTENCE = 120
"""Characters of an answer at most in which a number is looked for."""
_NUMBER = re.compile(r"[+-]?\d[\d,]*(?:\.\d+)?")
_NOISE = re.compile(r"[^\w.+-]|(?<!\d)\.|\.(?!\d)")
_ARTICLE = re.compile(r"^(?:the|a|an)\s+", re.IGNORECASE)


def as_number(text: str) -> float | None:
    """Read a number with currency signs, percent signs and thousands separators; None if none."""
    bare = _UNITS.sub("", text).strip().rstrip(".")
    if not re.fullmatch(r"[+-]?(?:\d{1,30}(?:\.\d{0,30})?|\.\d{1,30})", bare):
        return None
    return float(bare)


def plain(text: str) -> str:
    """Return a string without case, white space, quotes, punctuation and a leading article."""
    return _NOISE.sub("", _ARTICLE.sub("", text.strip().strip("\"'*`")).casefold())


def same(given: object, right: object) -> bool:
    """Tell whether a given JSON value says the same as the right one.

    Args:
        given: What the agent gave.
        right: The right value: a string that holds a number, a list ("a, b") or words; or a JSON
            number, boolean, list or object.
    """
    if isinstance(right, bool) or right is None:
        return given is right
    if isinstance(right, (int, float)):
        return _same_number(given, float(right))
    if isinstance(right, list):
        return _same_list(given, right)
    if isinstance(right, dict):
        return (
            isinstance(given, dict)
            and given.keys() == right.keys()
            and all(same(given[key], value) for key, value in right.items())
        )
    return same_text(given, str(right))


def same_text(given: object, right: str) -> bool:
    """Compare with a right answer given as text: number, list, or words."""
    if isinstance(given, bool) or not isinstance(given, (str, int, float)):
        return False
    number = as_number(right)
    if number is not None:
        return _same_number(given, number)
    if re.search(r"[,;]", right):
        return _same_list(_split(str(given)), _split(right))
    return plain(str(given)) == plain(right) != ""


def _split(text: str) -> list[str]:
    bare = text.strip().strip("[](){}")
    parts = (part.strip() for part in re.split(r"[,;]|\band\b", bare))
    return [part for part in parts if part]


def _same_number(given: object, right: float) -> bool:
    if isinstance(given, bool) or not isinstance(given, (str, int, float)):
        return False
    value = _only_number(given) if isinstance(given, str) else given
    try:
        return value is not None and math.isclose(value, right, rel_tol=1e-9, abs_tol=1e-9)
    except OverflowError:  # a JSON integer beyond the range of a float
        return False


def _only_number(text: str) -> float | None:
    """Read "62" and "62 apples", but nothing from a text with two numbers."""
    found = _NUMBER.findall(text) if len(text) <= _SENTENCE else []
    whole = as_number(text)
    return as_number(found[0]) if whole is None and len(found) == 1 else whole


def _same_list(given: object, right: list[Any]) -> bool:
    if not isinstance(given, list) or len(given) != len(right):
        return False
    return all(same(one, other) for one, other in zip(given, right, strict=True))
