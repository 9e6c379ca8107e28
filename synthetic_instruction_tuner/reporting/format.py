"""How figures are written: one form for each kind, the same in report, slides and cards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

MISSING = "not measured"
SPACE = "\u00a0"
"""No line break between a figure and its unit."""
MINUS = "\u2212"


def percent(value: float) -> str:
    """Write a share: 0.463 -> 46.3 %."""
    return f"{_signed(100 * value, 1)}{SPACE}%"


def whole_percent(value: float) -> str:
    """Write a round share: 0.95 -> 95 %."""
    return f"{_signed(100 * value, 0)}{SPACE}%"


def small_percent(value: float) -> str:
    """Write a tiny share with two significant digits: 0.000019 -> 0.0019 %."""
    scaled = 100 * value
    if scaled >= 1:
        return f"{scaled:.1f}{SPACE}%"
    digits = f"{float(f'{scaled:.2g}'):.10f}".rstrip("0").rstrip(".")
    return f"{digits}{SPACE}%"


def points(value: float) -> str:
    """Write a size in percentage points: 0.02 -> 2.0 points."""
    return f"{_signed(100 * value, 1)}{SPACE}points"


def delta(value: float) -> str:
    """Write a difference in percentage points with its sign: 0.041 -> +4.1."""
    text = _signed(100 * value, 1)
    return text if text.startswith(MINUS) or text == "0.0" else f"+{text}"


def count(value: float) -> str:
    """Write a whole number: 77824 -> 77,824."""
    return f"{value:,.0f}"


def decimal(value: float) -> str:
    """Write with one decimal: 20.44 -> 20.4."""
    return _signed(value, 1)


def ratio(value: float) -> str:
    """Write with two decimals: 0.7249 -> 0.72."""
    return _signed(value, 2)


def probability(value: float) -> str:
    """Write a p value: 0.0132 -> 0.013, 0.0001 -> < 0.001."""
    return f"<{SPACE}0.001" if value < 0.001 else f"{value:.3f}"


def seconds(value: float) -> str:
    """Write a duration: 41.5 s, 12.3 min, 3.2 h."""
    if value < 60:
        return f"{value:.1f}{SPACE}s"
    if value < 5400:
        return f"{value / 60:.1f}{SPACE}min"
    return f"{value / 3600:,.1f}{SPACE}h"


def size(value: float) -> str:
    """Write bytes in decimal units: 312 KB, 37.2 MB, 1.2 GB."""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "KB")):
        if value >= limit:
            digits = 1 if value < 100 * limit else 0
            return f"{value / limit:,.{digits}f}{SPACE}{unit}"
    return f"{value:.0f}{SPACE}bytes"


def money(value: float) -> str:
    """Write US dollars: 0.118 -> 0.12 USD."""
    return f"{value:,.2f}{SPACE}USD"


def scientific(value: float) -> str:
    """Write a tiny number: 0.0000123 -> 1.2e-05."""
    return f"{value:.1e}"


def plain(value: object) -> str:
    """Write a value as it stands in the results."""
    if isinstance(value, float):
        return f"{value:,.10f}".rstrip("0").rstrip(".")
    return str(value)


def _signed(value: float, digits: int) -> str:
    """Round and group; a true minus sign, and no minus zero."""
    text = f"{value:,.{digits}f}"
    return text.replace("-", "" if float(text.replace(",", "")) == 0 else MINUS)


FORMS: Mapping[str, Callable[[Any], str]] = {
    "percent": percent,
    "percent0": whole_percent,
    "small_percent": small_percent,
    "points": points,
    "delta": delta,
    "count": count,
    "decimal": decimal,
    "ratio": ratio,
    "p": probability,
    "seconds": seconds,
    "bytes": size,
    "money": money,
    "scientific": scientific,
    "plain": plain,
}
"""Forms by the name that templates and tables use."""


def write(value: object, form: str) -> str:
    """Write a value in a form; None is "not measured"."""
    return MISSING if value is None else FORMS[form](value)
