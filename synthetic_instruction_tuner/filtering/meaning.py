"""Benchmark items in other words: rows whose meaning is close to that of an item (an extra).

Sentence encoders put questions about the same things close together, whatever is asked of them, and
hardly see numbers. So a high similarity is needed, and the numbers have to be the same; which
similarity, labelled cases say (benchmarks/paraphrases.py).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from synthetic_instruction_tuner.filtering.contamination import Item
from synthetic_instruction_tuner.filtering.embeddings import BLOCK_ROWS, Embed

NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


class Likeness(NamedTuple):
    """The item that a text is closest to, and the cosine similarity to it."""

    item: Item
    similarity: float


def like_items(
    texts: Sequence[str], items: Sequence[Item], embed: Embed, least: float
) -> dict[int, Likeness]:
    """Find the texts that mean what an item means.

    Args:
        texts: What rows ask.
        items: Benchmark items.
        embed: Turns texts into unit vectors.
        least: Least cosine similarity.

    Returns:
        The closest item with the same numbers, by position of the text.
    """
    import numpy as np

    if not texts or not items:
        return {}
    known = embed([item.text for item in items])
    asked = embed(texts)
    numbers = [_numbers(item.text) for item in items]
    found = {}
    for start in range(0, len(texts), BLOCK_ROWS):
        block = asked[start : start + BLOCK_ROWS] @ known.T
        for row in np.flatnonzero((block >= least).any(axis=1)):
            own = _numbers(texts[start + row])
            close = np.flatnonzero(block[row] >= least)
            same = [place for place in close if numbers[place] == own]
            if same:
                best = max(same, key=lambda place: float(block[row, place]))
                found[int(start + row)] = Likeness(items[best], float(block[row, best]))
    return found


def _numbers(text: str) -> list[str]:
    return sorted(NUMBER.findall(text))
