"""Duplicates: which rows say the same, and which one of them stays.

Rows are ranked: better quality first, ties by id. Then, best first, a row stays unless it is at
least as similar as the threshold to one that stays already; what goes names the most similar of
those. So every rejected row is truly near its survivor, no two kept rows are near each other, and
the order of the rows plays no part. (One survivor a connected component was rejected: a chain
a-b-c of small changes would drop c for an a that it does not resemble, and a teacher that varies
one long template would be left with a single row of it.)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from synthetic_instruction_tuner.filtering.pair_memory import PairMemory
from synthetic_instruction_tuner.filtering.similarity import Pairs, WordSets, word_sets
from synthetic_instruction_tuner.text import plain

if TYPE_CHECKING:
    from synthetic_instruction_tuner.filtering.similarity import Ints

OTHER_NUMBERS = 4
"""Words that other numbers count as, besides those that differ."""


class Duplicate(NamedTuple):
    """A row that goes: the position of its survivor, and the similarity between them."""

    survivor: int
    similarity: float


class Grouping(NamedTuple):
    """What near-duplicate search finds.

    Attributes:
        duplicates: The rows that go, by position.
        clusters: Number of the cluster of linked rows, for every position.
    """

    duplicates: Mapping[int, Duplicate]
    clusters: Sequence[int]


def exact_duplicates(texts: Sequence[str], ranking: Sequence[int]) -> dict[int, Duplicate]:
    """Find the copies of each text up to case and white space.

    Args:
        texts: Instructions.
        ranking: All positions, best row first.

    Returns:
        Every copy but the best-ranked, by position.
    """
    best: dict[str, int] = {}
    copies = {}
    for position in ranking:
        first = best.setdefault(plain(texts[position]), position)
        if first != position:
            copies[position] = Duplicate(first, 1.0)
    return copies


def near_duplicates(
    texts: Sequence[str],
    ranking: Sequence[int],
    similarity: float,
    link: float,
    memory: PairMemory | None = None,
) -> Grouping:
    """Find near-duplicates and clusters of linked texts by word-set Jaccard similarity.

    Args:
        texts: Instructions.
        ranking: All positions, best row first.
        similarity: Similarity from which the worse row goes.
        link: Similarity from which rows belong to one cluster; at most `similarity`.
        memory: Pairs that were found before.
    """
    import numpy as np

    sets = word_sets(texts)
    same = _same_words(sets.digests, ranking)
    unique = np.unique(np.array(same, dtype=np.int64))
    pairs = (memory or PairMemory()).similar_pairs(sets, min(link, similarity), unique)
    places = dict(zip(unique.tolist(), range(len(unique)), strict=True))
    groups = [places[position] for position in same]
    found = surviving(ranking, groups, _by_numbers(pairs, sets, unique), similarity)
    return Grouping(found, linked(groups, pairs))


def _by_numbers(pairs: Pairs, sets: WordSets, unique: Ints) -> Pairs:
    """Make pairs whose numbers differ less alike: "12 + 7" and "12 + 9" are two tasks.

    Of long texts a number is a detail; they go all the same.
    """
    import numpy as np

    sizes = np.diff(np.frombuffer(sets.ends, dtype=np.int64), prepend=0)[unique]
    numbers = np.frombuffer(sets.numbers, dtype=np.int64)[unique]
    words = sizes[pairs.left] + sizes[pairs.right]
    shared = pairs.similarity * words / (1 + pairs.similarity)
    apart = shared / (words - shared + OTHER_NUMBERS)
    differ = numbers[pairs.left] != numbers[pairs.right]
    return pairs._replace(similarity=np.where(differ, apart, pairs.similarity))


def surviving(
    ranking: Sequence[int], groups: Sequence[int], pairs: Pairs, least: float
) -> dict[int, Duplicate]:
    """Let rows stay, best first, unless they are like one that stays already.

    Args:
        ranking: All positions, best row first.
        groups: For each position, the group of equal rows that it belongs to.
        pairs: Similar groups.
        least: Similarity from which the worse row goes.

    Returns:
        The rows that go, each with its most similar survivor, of equals the best-ranked.
    """
    near = _Neighbours(pairs, max(groups, default=-1) + 1, least)
    kept: dict[int, int] = {}  # by group, in the order of the ranking
    order: dict[int, int] = {}
    duplicates: dict[int, Duplicate] = {}
    for place, position in enumerate(ranking):
        group = groups[position]
        found = [(value, -order[one], kept[one]) for one, value in near.of(group) if one in kept]
        if group in kept:
            found.append((1.0, -order[group], kept[group]))
        if found:
            value, _, survivor = max(found)
            duplicates[position] = Duplicate(survivor, value)
        else:
            kept[group], order[group] = position, place
    return duplicates


def linked(groups: Sequence[int], pairs: Pairs) -> list[int]:
    """Number the connected components of the links (union-find, done by scipy)."""
    import numpy as np
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    count = max(groups, default=-1) + 1
    if not count:
        return []
    ones = np.ones(len(pairs.left), dtype=np.int8)
    graph = csr_matrix((ones, (pairs.left, pairs.right)), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    return [int(labels[group]) for group in groups]


def _same_words(digests: Sequence[bytes], ranking: Iterable[int]) -> list[int]:
    """Return for each text the best-ranked one with the same set of words."""
    best: dict[bytes, int] = {}
    found = [0] * len(digests)
    for position in ranking:
        found[position] = best.setdefault(digests[position], position)
    return found


class _Neighbours:
    """The similar groups of every group, one array behind the other."""

    def __init__(self, pairs: Pairs, count: int, least: float) -> None:
        import numpy as np

        keep = pairs.similarity >= least
        left, right = pairs.left[keep], pairs.right[keep]
        groups = np.concatenate((left, right))
        order = np.argsort(groups, kind="stable")
        self._others = np.concatenate((right, left))[order]
        self._values = np.tile(pairs.similarity[keep], 2)[order]
        self._ends = np.searchsorted(groups[order], np.arange(count + 1)).tolist()

    def of(self, group: int) -> Iterable[tuple[int, float]]:
        """Return the similar groups of one, with their similarities."""
        start, stop = self._ends[group], self._ends[group + 1]
        if start == stop:
            return ()
        others, values = self._others[start:stop].tolist(), self._values[start:stop].tolist()
        return zip(others, values, strict=True)
