"""How varied rows are: raw, kept and trained side by side, and what later draws still bring.

All of it is of words. `vendi` is the Vendi score (arXiv 2210.02410) over hashed word n-grams: the
number of instructions that share nothing which would be as varied as these. It is no measure of
meaning: two wordings of one question count as two.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence

from synthetic_instruction_tuner.filtering.variety import Rows, sample, vendi
from synthetic_instruction_tuner.models.reference import SANDBOX
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.text import plain

WIDTH = 1024
"""Places that n-grams are hashed to."""
STEPS = 10
"""Points of the curve over the draws."""


def describe(
    study: Study, raw: Rows, kept: Rows, trained: Rows, drawn: Sequence[str]
) -> dict[str, object]:
    """Return the figures of each group of rows, and the curve over the draws.

    Args:
        study: The study.
        raw: All rows drawn.
        kept: Rows that passed the filters.
        trained: Rows of the training split.
        drawn: Instructions of all rows in the order of the draws, where it is known.
    """
    groups = {"raw": raw, "kept": kept, "trained": trained}
    closed = study.config.generation.teacher.name.startswith(SANDBOX)
    return {
        "groups": {name: _figures(rows, closed) for name, rows in groups.items()},
        "curve": curve(drawn),
    }


def _figures(rows: Rows, closed: bool) -> dict[str, object]:
    texts = [text for _, text in rows]
    words = [plain(text).split() for text in texts]
    chosen = [plain(text) for text in sample(rows)]
    found: dict[str, object] = {
        "rows": len(rows),
        "distinct_1": distinct(words, 1),
        "distinct_2": distinct(words, 2),
        "openings": effective([" ".join(one[:2]) for one in words]),
        "vendi": vendi_of_words(chosen),
        "vendi_rows": len(chosen),
    }
    return found | ({"families": _families(texts)} if closed else {})


def distinct(texts: Sequence[Sequence[str]], size: int) -> float | None:
    """Return the share of n-grams that are different (distinct-n, arXiv 1510.03055)."""
    grams = [gram for words in texts for gram in grams_of(words, size)]
    return round(len(set(grams)) / len(grams), 4) if grams else None


def grams_of(words: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """Return the runs of `size` words of a text."""
    return list(zip(*(words[start:] for start in range(size)), strict=False))


def effective(values: Sequence[str]) -> float | None:
    """Return the effective number of different values: the exponential of their entropy."""
    total = len(values)
    if not total:
        return None
    shares = [count / total for count in Counter(values).values()]
    return round(math.exp(-sum(share * math.log(share) for share in shares)), 2)


def vendi_of_words(texts: Sequence[str]) -> float | None:
    """Return the Vendi score of texts by their words and pairs of words, 1 to their number."""
    import numpy as np

    if not texts:
        return None
    vectors = np.zeros((len(texts), WIDTH), dtype=np.float64)
    for row, text in enumerate(texts):
        words = text.split() or [""]
        for gram in (*grams_of(words, 1), *grams_of(words, 2)):
            vectors[row, _place(gram)] += 1
    return vendi(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _place(gram: Sequence[str]) -> int:
    name = hashlib.blake2b(" ".join(gram).encode(), digest_size=4).digest()
    return int.from_bytes(name, "big") % WIDTH


def _families(texts: Sequence[str]) -> dict[str, int]:
    """Count the closed world's task families that are asked for, of all there are."""
    from synthetic_instruction_tuner import sandbox
    from synthetic_instruction_tuner.sandbox.families import all_families

    found = {sandbox.family_of(text) for text in texts} - {None}
    return {"found": len(found), "all": len(all_families())}


def curve(texts: Sequence[str]) -> list[dict[str, float]]:
    """Say what each tenth of the draws brings: word pairs that no draw before it held.

    Returns:
        Entries with `draws` (drawn so far), `new` (share of the pairs of words in this part that
        are new) and `repeated` (share of its instructions that repeat an earlier one).
    """
    known: set[tuple[str, ...]] = set()
    asked: set[str] = set()
    entries = []
    steps = min(STEPS, len(texts))
    for step in range(steps):
        end = (step + 1) * len(texts) // steps
        part = texts[step * len(texts) // steps : end]
        grams = [gram for text in part for gram in grams_of(plain(text).split(), 2)]
        new = {gram for gram in grams if gram not in known}
        repeated = 0
        for text in map(plain, part):
            repeated += text in asked
            asked.add(text)
        known |= new
        entries.append(
            {
                "draws": end,
                "new": round(len(new) / len(grams), 4) if grams else 0.0,
                "repeated": round(repeated / len(part), 4),
            }
        )
    return entries
