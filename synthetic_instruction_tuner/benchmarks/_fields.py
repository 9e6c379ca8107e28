"""Checks that the row shapes of several benchmarks share."""

from __future__ import annotations


def is_text(value: object) -> bool:
    """Tell whether a value is a text that says something."""
    return isinstance(value, str) and bool(value.strip())


def is_any_text(value: object) -> bool:
    """Tell whether a value is a text, maybe an empty one."""
    return isinstance(value, str)


def are_texts(value: object) -> bool:
    """Tell whether a value is a list of two or more texts that say something."""
    return isinstance(value, list) and len(value) >= 2 and all(is_text(one) for one in value)


def are_four_texts(value: object) -> bool:
    """Tell whether a value is a list of four texts."""
    return isinstance(value, list) and len(value) == 4 and all(isinstance(v, str) for v in value)


FOUR = "a list of four texts"
