"""The similar pairs of earlier filtering, so that a few more rows cost a few more comparisons.

A pair depends on its two sets of words alone. So the pairs of texts that were compared before hold
whatever file, order or round of drawing the texts come from, and only pairs with a text that is
new are looked for. What is remembered never changes what is found, only when.
"""

from __future__ import annotations

import hashlib
import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.filtering.similarity import (
    Pairs,
    WordSets,
    in_order,
    join,
)
from synthetic_instruction_tuner.storage.files import write_bytes

if TYPE_CHECKING:
    from synthetic_instruction_tuner.filtering.similarity import Ints

logger = logging.getLogger(__name__)

VERSION = 1
"""Raised when words, similarity or the file change."""
DIGEST = 16
"""Bytes that name a set of words."""


class PairMemory:
    """A file with the pairs of all texts that were compared at one threshold.

    Args:
        folder: Where such files lie; None remembers nothing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def similar_pairs(self, sets: WordSets, threshold: float, chosen: Ints) -> Pairs:
        """Find all similar pairs among chosen texts, with the help of what is remembered.

        Args:
            sets: The word sets.
            threshold: Least similarity.
            chosen: Positions of texts with distinct sets; pairs name places in this list.
        """
        import numpy as np

        digests = [sets.digests[position] for position in chosen.tolist()]
        known, pairs = self._read(threshold)
        places = {digest: place for place, digest in enumerate(digests)}
        moved = np.array([places.get(digest, -1) for digest in known], dtype=np.int64)
        fresh = np.ones(len(digests), dtype=bool)
        fresh[moved[moved >= 0]] = False
        found = join(sets, threshold, chosen, fresh)
        merged = _merged(found, _moved(pairs, moved))
        if self._folder is not None and fresh.any():
            self._write(threshold, digests, merged)
        return merged

    def _path(self, threshold: float) -> Path:
        assert self._folder is not None
        return self._folder / f"pairs-{VERSION}-{threshold:g}.npz"

    def _read(self, threshold: float) -> tuple[list[bytes], Any]:
        import numpy as np

        empty = np.empty(0, dtype=np.int64)
        nothing = Pairs(empty, empty, np.empty(0))
        if self._folder is None or not self._path(threshold).is_file():
            return [], nothing
        check, _, content = self._path(threshold).read_bytes().partition(b"\n")
        if check != hashlib.sha256(content).hexdigest().encode():
            logger.warning("%s is damaged: all rows are compared anew", self._path(threshold))
            return [], nothing
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            names = stored["digests"].tobytes()
            known = [names[at : at + DIGEST] for at in range(0, len(names), DIGEST)]
            return known, Pairs(stored["left"], stored["right"], stored["similarity"])

    def _write(self, threshold: float, digests: list[bytes], pairs: Pairs) -> None:
        import numpy as np

        buffer = io.BytesIO()
        names = np.frombuffer(b"".join(digests), dtype=np.uint8)
        np.savez(buffer, digests=names, **pairs._asdict())
        content = buffer.getvalue()
        check = hashlib.sha256(content).hexdigest().encode()
        write_bytes(self._path(threshold), check + b"\n" + content)


def _moved(pairs: Pairs, moved: Ints) -> Pairs:
    """Return pairs at the places where their texts are now, without those that are gone."""
    import numpy as np

    left, right = moved[pairs.left], moved[pairs.right]
    there = (left >= 0) & (right >= 0)
    left, right = left[there], right[there]
    return Pairs(np.minimum(left, right), np.maximum(left, right), pairs.similarity[there])


def _merged(one: Pairs, other: Pairs) -> Pairs:
    import numpy as np

    if not len(other.left):
        return one
    return in_order(*(np.concatenate(columns) for columns in zip(one, other, strict=True)))
