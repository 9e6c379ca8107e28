"""What fits where on a slide: font sizes, row heights, and what is left to the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.reporting.slides import fitting

INCH = 914_400
"""Units of a presentation an inch."""


class Box(NamedTuple):
    """A place on a slide, in inches."""

    left: float
    top: float
    width: float
    height: float

    @property
    def points(self) -> tuple[float, float]:
        """Width and height in points, less the inner margin."""
        return (self.width - 0.2) * 72, (self.height - 0.1) * 72

    @property
    def emu(self) -> tuple[int, int, int, int]:
        """Left, top, width and height as python-pptx counts."""
        return tuple(round(one * INCH) for one in self)  # type: ignore[return-value]


class Entry(NamedTuple):
    """A table cell: literal text, a smaller second line, a state that colours it."""

    text: str
    small: str = ""
    state: str = ""


CELL_MARGIN = 0.07
"""Inches left and right in a cell."""
INDENT = 0.28
"""Inches between a bullet and its text."""
MORE = "… more in the report"
"""Stands for what a slide has no room for."""
SMALLEST = 14
"""Points: what the last row of a room can still read."""
TABLE_SIZES = (18, 17, 16, 15, SMALLEST)


def table_size(
    header: Sequence[str],
    rows: Sequence[Sequence[Entry]],
    inches: Sequence[float],
    height: float,
    sizes: Sequence[int] = TABLE_SIZES,
) -> tuple[int, list[float]] | None:
    """Choose the largest font size in which a table fits without breaking a word of its header.

    Returns:
        The size and the height of every row in inches; None if no size fits.
    """
    titles = [Entry(one) for one in header]
    for size in sizes:
        above = max(SMALLEST, size - 1)
        heights = [
            _row_height(titles, inches, above, True),
            *(_row_height(row, inches, size) for row in rows),
        ]
        whole = all(
            fitting.longest_word(title, above, True) <= (width - 2 * CELL_MARGIN) * 72
            for title, width in zip(header, inches, strict=True)
        )
        if sum(heights) <= height and (whole or size == sizes[-1]):
            return size, heights
    return None


def fit_table(
    header: Sequence[str], rows: Sequence[Sequence[Entry]], inches: Sequence[float], height: float
) -> tuple[Sequence[Sequence[Entry]], int, list[float]]:
    """Choose the font size; where even the smallest is too large, leave rows to the report.

    Raises:
        StageError: If not even one row fits.
    """
    blank = [Entry("")] * (len(header) - 1)
    for count in range(len(rows), -1, -1):
        shown = rows if count == len(rows) else [*rows[:count], [Entry(MORE), *blank]]
        found = table_size(header, shown, inches, height)
        if found is not None:
            return shown, *found
    raise StageError(f"a slide's table does not fit: {header[0]!r}")


def fit_text(
    paragraphs: Sequence[str],
    sizes: Sequence[int],
    room: tuple[float, float],
    gap: float,
    bold: bool,
) -> tuple[list[str], int]:
    """Choose the font size; where even the smallest is too large, leave text to the report."""
    for count in range(len(paragraphs), 0, -1):
        shown = list(paragraphs[:count]) + ([MORE] if count < len(paragraphs) else [])
        size = fitting.fitting_size(shown, sizes, room, gap, bold)
        if size is not None:
            return shown, size
    return [fitting.shorten(paragraphs[0], sizes[-1], room)], sizes[-1]


def _row_height(
    row: Sequence[Entry], inches: Sequence[float], size: int, bold: bool = False
) -> float:
    points = 0.0
    for index, (entry, width) in enumerate(zip(row, inches, strict=True)):
        room = (width - 2 * CELL_MARGIN) * 72
        own = fitting.height([entry.text], size, room, bold=bold or index == 0)
        if entry.small:
            own += fitting.height([entry.small], small_size(size), room)
        points = max(points, own)
    return points / 72 + 0.12


def small_size(size: int) -> int:
    """Return the font size of a second line."""
    return max(SMALLEST, size - 3)
