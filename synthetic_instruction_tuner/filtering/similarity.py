"""All pairs of texts whose word sets are alike, exactly and fast.

A set-similarity join with the prefix and length filters of Bayardo, Ma and Srikant (WWW 2007) and
Xiao et al. (PPJoin, WWW 2008), done as products of sparse matrices. Nothing is lost:

- Jaccard(x, y) >= t needs |y| >= t |x| for the smaller set y.
- With all words in one order, rarest first, x and y must share a word among the first
  |x| - ceil(t |x|) + 1 words of x and of y: the prefixes. The product of the matrix of prefixes
  with its transpose counts the shared prefix words of all candidates at once.
- Beyond the prefixes at most ceil(t |x|) - 1 words can be shared, so the count has a lower bound
  too, which leaves few candidates to compare in full.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from synthetic_instruction_tuner.filtering.text import comparison_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]

BLOCK_PRODUCTS = 8_000_000
"""Multiplications a block: bounds the memory of a block to about 200 MB."""
SLACK = 1e-9
"""Rounds bounds to the safe side."""


class Pairs(NamedTuple):
    """Similar pairs, sorted by (left, right), left < right.

    Attributes:
        left: Positions of the first texts.
        right: Positions of the second texts.
        similarity: Jaccard similarity of their word sets.
    """

    left: Ints
    right: Ints
    similarity: NDArray[np.float64]


def jaccard(left: set[str], right: set[str]) -> float:
    """Return the share of words that two sets have in common; 1.0 for two empty sets."""
    return len(left & right) / len(left | right) if left or right else 1.0


def similar_pairs(texts: Iterable[str], threshold: float) -> Pairs:
    """Find all pairs of texts with word-set Jaccard similarity >= threshold.

    Args:
        texts: The texts, in any order; the pairs found do not depend on it.
        threshold: Least similarity, 0 < threshold <= 1.

    Returns:
        Every such pair of non-empty texts, none else.
    """
    import numpy as np

    matrix = _ordered_sets(texts)
    by_size = np.argsort(np.diff(matrix.indptr), kind="stable")
    matrix = matrix[by_size]
    found = list(_joined(matrix, threshold))
    if not found:
        empty = np.empty(0, dtype=np.int64)
        return Pairs(empty, empty.copy(), np.empty(0))
    first, second, similarity = (np.concatenate(part) for part in zip(*found, strict=True))
    first, second = by_size[first], by_size[second]
    left, right = np.minimum(first, second), np.maximum(first, second)
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], similarity[order])


def _ordered_sets(texts: Iterable[str]) -> Any:
    """Return texts x words as a sparse 0/1 matrix, words numbered from rare to frequent."""
    import numpy as np
    from scipy.sparse import csr_matrix

    numbers: dict[str, int] = {}
    words, ends = [], [0]
    for text in texts:
        row = [numbers.setdefault(word, len(numbers)) for word in comparison_words(text)]
        words.append(np.array(row, dtype=np.int32))
        ends.append(ends[-1] + len(row))
    flat = np.concatenate(words) if words else np.empty(0, dtype=np.int32)
    frequency = np.bincount(flat, minlength=len(numbers))
    rank = np.empty(len(numbers), dtype=np.int32)
    rank[np.argsort(frequency, kind="stable")] = np.arange(len(numbers), dtype=np.int32)
    shape = (len(words), max(len(numbers), 1))
    ones = np.ones(len(flat), dtype=np.int32)
    matrix = csr_matrix((ones, rank[flat], np.array(ends, dtype=np.int64)), shape=shape)
    matrix.sort_indices()
    return matrix


def _joined(matrix: Any, threshold: float) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the similar pairs of rows of a matrix whose rows are sorted by size, block by block."""
    import numpy as np

    sizes = np.diff(matrix.indptr)
    least = np.ceil(threshold * sizes - SLACK).astype(np.int64)
    prefixes = _prefixes(matrix, np.where(sizes > 0, sizes - least + 1, 0))
    for start, stop in _blocks(prefixes):
        low = np.searchsorted(sizes, max(least[start], 1))
        counts = (prefixes[start:stop] @ prefixes[low:stop].T).tocoo()
        first, second = counts.row + start, counts.col + low
        total = sizes[first] + sizes[second]
        shared = np.ceil(threshold / (1 + threshold) * total - SLACK)
        keep = (second < first) & (counts.data >= shared - least[first] + 1)
        keep &= sizes[second] >= least[first]
        yield from _verified(matrix, sizes, first[keep], second[keep], threshold)


def _prefixes(matrix: Any, lengths: Ints) -> Any:
    """Keep the first `lengths` words of each row."""
    import numpy as np
    from scipy.sparse import csr_matrix

    place = np.arange(len(matrix.indices)) - np.repeat(matrix.indptr[:-1], np.diff(matrix.indptr))
    kept = place < np.repeat(lengths, np.diff(matrix.indptr))
    ends = np.concatenate(([0], np.cumsum(lengths)))
    return csr_matrix((matrix.data[kept], matrix.indices[kept], ends), shape=matrix.shape)


def _blocks(prefixes: Any) -> Iterator[tuple[int, int]]:
    """Cut the rows so that no block takes more products than `BLOCK_PRODUCTS` (or is one row)."""
    import numpy as np

    frequency = np.bincount(prefixes.indices, minlength=prefixes.shape[1])
    ends = np.concatenate(([0], np.cumsum(frequency[prefixes.indices])))[prefixes.indptr]
    start = 0
    while start < prefixes.shape[0]:
        stop = int(np.searchsorted(ends, ends[start] + BLOCK_PRODUCTS, side="right")) - 1
        stop = max(stop, start + 1)
        yield start, stop
        start = stop


def _verified(
    matrix: Any, sizes: Ints, first: Ints, second: Ints, threshold: float
) -> Iterator[tuple[Any, Any, Any]]:
    """Compare candidates in full and yield those that are similar."""
    import numpy as np

    step = 200_000
    for begin in range(0, len(first), step):
        one, two = first[begin : begin + step], second[begin : begin + step]
        overlap = np.asarray(matrix[one].multiply(matrix[two]).sum(axis=1)).ravel()
        similarity = overlap / (sizes[one] + sizes[two] - overlap)
        keep = similarity >= threshold
        yield one[keep], two[keep], similarity[keep]
