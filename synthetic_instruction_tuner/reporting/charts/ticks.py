"""Where axes have their marks, and how the marks are written."""

from __future__ import annotations

from math import floor, log10

from synthetic_instruction_tuner.reporting.format import FORMS

TIMES = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800)
HOURS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
SCALED = ("percent", "delta")
"""Forms whose axis counts hundredths; the axis title carries the sign."""


def logarithmic(low: float, high: float, form: str) -> list[float]:
    """Choose round marks on a logarithmic axis: full minutes and hours for times."""
    for factors in ((1, 2, 5), (1, 2, 3, 4, 5, 6, 7, 8, 9)):
        if form == "seconds":
            every = [*map(float, TIMES), *(3600.0 * one for one in HOURS)]
        else:
            every = [factor * 10.0**power for power in range(-3, 14) for factor in factors]
        marks = [one for one in every if low <= one <= high]
        if len(marks) > 2 or form == "seconds":
            break
    return marks


def linear(largest: float) -> list[float]:
    """Choose about five round marks from zero to just beyond the largest value."""
    raw = max(largest, 1e-9) / 4
    unit = 10.0 ** floor(log10(raw))
    step = next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= raw)
    return [step * number for number in range(6) if step * (number - 1) < largest]


def write(value: float, form: str) -> str:
    """Write a mark."""
    if form in SCALED:
        return f"{100 * value:g}"
    return FORMS[form](value) if value else "0"
