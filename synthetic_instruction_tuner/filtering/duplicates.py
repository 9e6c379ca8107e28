"""Duplicates: which rows say the same, and which one of them stays.

Rows are ranked: better quality first, ties by id. Then, best first, a row stays unless it is at
least as similar as the threshold to one that stays already; what goes names the most similar of
those. So every rejected row is truly near its survivor, no two kept rows are near each other, and
the order of the rows plays no part. (One survivor a connected component was rejected: a chain
a-b-c of small changes would drop c for an a that it does not resemble, and a teacher that varies
one long template would be left with a single row of it.)
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from synthetic_instruction_tuner.filtering.similarity import Pairs, similar_pairs
from synthetic_instruction_tuner.filtering.text import comparison_words, plain


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
    texts: Sequence[str], ranking: Sequence[int], similarity: float, link: float
) -> Grouping:
    """Find near-duplicates and clusters of linked texts by word-set Jaccard similarity.

    Args:
        texts: Instructions.
        ranking: All positions, best row first.
        similarity: Similarity from which the worse row goes.
        link: Similarity from which rows belong to one cluster; at most `similarity`.
    """
    same = _same_words(texts, ranking)
    unique = sorted(set(same))
    pairs = similar_pairs([texts[position] for position in unique], min(link, similarity))
    neighbours = _neighbours(pairs, unique, similarity)
    kept: dict[int, Duplicate] = {}
    duplicates: dict[int, Duplicate] = {}
    place = {position: number for number, position in enumerate(ranking)}
    for position in ranking:
        near = [one for one in neighbours[same[position]] if one.survivor in kept]
        if same[position] in kept:
            near.append(Duplicate(same[position], 1.0))
        if near:
            duplicates[position] = max(near, key=lambda one: (one.similarity, -place[one.survivor]))
        else:
            kept[position] = Duplicate(position, 1.0)
    return Grouping(duplicates, _clusters(pairs, unique, same))


def _same_words(texts: Sequence[str], ranking: Iterable[int]) -> list[int]:
    """Return for each text the best-ranked one with the same set of words."""
    best: dict[frozenset[str], int] = {}
    found = [0] * len(texts)
    for position in ranking:
        found[position] = best.setdefault(frozenset(comparison_words(texts[position])), position)
    return found


def _neighbours(pairs: Pairs, unique: Sequence[int], least: float) -> dict[int, list[Duplicate]]:
    neighbours: dict[int, list[Duplicate]] = defaultdict(list)
    for left, right, value in zip(*(column.tolist() for column in pairs), strict=True):
        if value >= least:
            one, two = unique[left], unique[right]
            neighbours[one].append(Duplicate(two, value))
            neighbours[two].append(Duplicate(one, value))
    return neighbours


def _clusters(pairs: Pairs, unique: Sequence[int], same: Sequence[int]) -> list[int]:
    """Number the connected components of the links (union-find, done by scipy)."""
    import numpy as np
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(pairs.left), dtype=np.int8)
    graph = csr_matrix((ones, (pairs.left, pairs.right)), shape=(len(unique), len(unique)))
    _, labels = connected_components(graph, directed=False)
    by_position = dict(zip(unique, labels.tolist(), strict=True))
    return [by_position[position] for position in same]
