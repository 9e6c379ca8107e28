"""Text that fits its box: measured with a real font, wider than the one slides are shown in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

LEADING = 1.2
"""Line height in font sizes."""


@lru_cache(maxsize=64)
def _font(size: int, bold: bool) -> Any:
    import matplotlib
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = f"{matplotlib.get_data_path()}/fonts/ttf/{name}"
    return ImageFont.truetype(path, size * 4)


@lru_cache(maxsize=4096)
def width(text: str, size: int, bold: bool = False) -> float:
    """Width of a line in points."""
    return float(_font(size, bold).getlength(text)) / 4


def lines(text: str, size: int, available: float, bold: bool = False) -> list[str]:
    """Break a text into lines of the available width (points); long words are cut."""
    found = []
    for paragraph in text.split("\n"):
        current = ""
        for word in paragraph.split(" "):
            longer = f"{current} {word}" if current else word
            if width(longer, size, bold) <= available:
                current = longer
                continue
            if current:
                found.append(current)
            current = word
            while width(current, size, bold) > available and len(current) > 1:
                cut = _cut(current, size, available, bold)
                found.append(current[:cut])
                current = current[cut:]
        found.append(current)
    return found


def _cut(word: str, size: int, available: float, bold: bool) -> int:
    cut = len(word)
    while cut > 1 and width(word[:cut], size, bold) > available:
        cut -= 1
    return cut


def height(
    paragraphs: Sequence[str], size: int, available: float, gap: float = 0.0, bold: bool = False
) -> float:
    """Height of paragraphs in points, `gap` font sizes between them."""
    count = sum(len(lines(one, size, available, bold)) for one in paragraphs)
    return size * (LEADING * count + gap * max(0, len(paragraphs) - 1))


def fitting_size(
    paragraphs: Sequence[str],
    sizes: Sequence[int],
    available: tuple[float, float],
    gap: float = 0.0,
    bold: bool = False,
) -> int | None:
    """Return the first size in which the paragraphs fit (width, height); None if none does."""
    for size in sizes:
        if height(paragraphs, size, available[0], gap, bold) <= available[1]:
            return size
    return None


def longest_word(text: str, size: int, bold: bool = False) -> float:
    """Width of the longest word in points: what a column must have so that no word is broken."""
    return max(width(word, size, bold) for word in text.replace("\n", " ").split(" "))


def shorten(text: str, size: int, available: tuple[float, float]) -> str:
    """Cut a text with an ellipsis so that it fits."""
    room = max(1, int(available[1] / (size * LEADING)))
    found = lines(text, size, available[0])
    if len(found) <= room:
        return text
    last = found[room - 1]
    while last and width(last + "…", size) > available[0]:
        last = last[:-1]
    return "\n".join([*found[: room - 1], last.rstrip() + "…"])
