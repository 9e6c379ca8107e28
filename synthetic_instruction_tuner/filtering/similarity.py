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

import hashlib
import re
from array import array
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from synthetic_instruction_tuner.text import comparison_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from scipy.sparse import csr_matrix

    Ints: TypeAlias = NDArray[np.int64]
    Flags: TypeAlias = NDArray[np.bool_]

BLOCK_PRODUCTS = 8_000_000
"""Multiplications a block: bounds the memory of a block to about 200 MB."""
NUMBER = re.compile(r"\A\W*\d")
"""How a number begins, with or without a sign or currency."""
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


class WordSets(NamedTuple):
    """The word sets of some texts, as numbers.

    Attributes:
        words: Word numbers of all texts, one text behind the other.
        ends: Where each text ends in `words`.
        vocabulary: How many words there are.
        digests: 16 bytes that name the set of words of each text, in any program.
        numbers: Which texts hold the same numbers: equal values, equal sets of them.
    """

    words: array[int]
    ends: array[int]
    vocabulary: int
    digests: list[bytes]
    numbers: array[int]


def jaccard(left: set[str], right: set[str]) -> float:
    """Return the share of words that two sets have in common; 1.0 for two empty sets."""
    return len(left & right) / len(left | right) if left or right else 1.0


def word_sets(texts: Iterable[str]) -> WordSets:
    """Reduce texts to their sets of words."""
    known: dict[str, int] = {}
    kinds: dict[tuple[str, ...], int] = {}
    words, ends, digests, numbers = array("i"), array("q"), [], array("q")
    for text in texts:
        found = sorted(comparison_words(text))
        words.extend(known.setdefault(word, len(known)) for word in found)
        held = tuple(word for word in found if NUMBER.match(word))
        numbers.append(kinds.setdefault(held, len(kinds)))
        ends.append(len(words))
        digests.append(hashlib.blake2b(" ".join(found).encode(), digest_size=16).digest())
    return WordSets(words, ends, len(known), digests, numbers)


def similar_pairs(texts: Iterable[str], threshold: float) -> Pairs:
    """Find all pairs of texts with word-set Jaccard similarity >= threshold.

    Args:
        texts: The texts, in any order; the pairs found do not depend on it.
        threshold: Least similarity, 0 < threshold <= 1.

    Returns:
        Every such pair of non-empty texts, none else.
    """
    import numpy as np

    sets = word_sets(texts)
    everything = np.arange(len(sets.ends))
    return join(sets, threshold, everything, np.ones(len(everything), dtype=bool))


def join(sets: WordSets, threshold: float, chosen: Ints, fresh: Flags) -> Pairs:
    """Find the similar pairs among chosen texts of which at least one is fresh.

    Args:
        sets: The word sets.
        threshold: Least similarity.
        chosen: Positions of the texts that take part; pairs name places in this list.
        fresh: For each chosen text, whether its pairs are wanted; pairs of two others are left out.
    """
    import numpy as np

    matrix = _ordered_matrix(sets)[chosen]
    by_size = np.argsort(np.diff(matrix.indptr), kind="stable")
    found = list(_joined(matrix[by_size], threshold, fresh[by_size]))
    if not found:
        empty = np.empty(0, dtype=np.int64)
        return Pairs(empty, empty.copy(), np.empty(0))
    first, second, similarity = (np.concatenate(part) for part in zip(*found, strict=True))
    first, second = by_size[first], by_size[second]
    return in_order(np.minimum(first, second), np.maximum(first, second), similarity)


def in_order(left: Ints, right: Ints, similarity: np.ndarray) -> Pairs:
    """Sort pairs by (left, right)."""
    import numpy as np

    order = np.lexsort((right, left))
    return Pairs(left[order], right[order], similarity[order])


def _ordered_matrix(sets: WordSets) -> csr_matrix:
    """Return texts x words as a sparse 0/1 matrix, words numbered from rare to frequent."""
    import numpy as np
    from scipy.sparse import csr_matrix

    flat = np.array(sets.words, dtype=np.int32)
    frequency = np.bincount(flat, minlength=sets.vocabulary)
    rank = np.empty(sets.vocabulary, dtype=np.int32)
    rank[np.argsort(frequency, kind="stable")] = np.arange(sets.vocabulary, dtype=np.int32)
    ends = np.concatenate(([0], np.array(sets.ends, dtype=np.int64)))
    shape = (len(sets.ends), max(sets.vocabulary, 1))
    matrix = csr_matrix((np.ones(len(flat), dtype=np.int32), rank[flat], ends), shape=shape)
    matrix.sort_indices()
    return matrix


def _joined(matrix: csr_matrix, threshold: float, fresh: Flags) -> Iterator[tuple[Any, Any, Any]]:
    """Yield the similar pairs of rows of a matrix whose rows are sorted by size, block by block.

    A pair of fresh rows is found from the later one, a pair with an old row from the fresh one.
    """
    import numpy as np

    sizes = np.diff(matrix.indptr)
    least = np.ceil(threshold * sizes - SLACK).astype(np.int64)
    prefixes = _prefixes(matrix, np.where(sizes > 0, sizes - least + 1, 0))
    rows, all_fresh = np.flatnonzero(fresh), bool(fresh.all())
    for start, stop in _blocks(prefixes, rows):
        block = rows[start:stop]
        low = int(np.searchsorted(sizes, max(least[block[0]], 1)))
        end = sizes[block[-1]]  # a larger set than this one needs more words than it has
        high = block[-1] + 1 if all_fresh else int(np.searchsorted(least, end, side="right"))
        counts = (prefixes[block] @ prefixes[low:high].T).tocoo()
        first, second = block[counts.row], counts.col + low
        shared = np.ceil(threshold / (1 + threshold) * (sizes[first] + sizes[second]) - SLACK)
        larger = np.maximum(first, second)
        keep = (second < first) | ~fresh[second]
        keep &= counts.data >= shared - least[larger] + 1
        keep &= sizes[np.minimum(first, second)] >= least[larger]
        yield from _verified(matrix, sizes, first[keep], second[keep], threshold)


def _prefixes(matrix: csr_matrix, lengths: Ints) -> csr_matrix:
    """Keep the first `lengths` words of each row."""
    import numpy as np
    from scipy.sparse import csr_matrix

    place = np.arange(len(matrix.indices)) - np.repeat(matrix.indptr[:-1], np.diff(matrix.indptr))
    kept = place < np.repeat(lengths, np.diff(matrix.indptr))
    ends = np.concatenate(([0], np.cumsum(lengths)))
    return csr_matrix((matrix.data[kept], matrix.indices[kept], ends), shape=matrix.shape)


def _blocks(prefixes: csr_matrix, rows: Ints) -> Iterator[tuple[int, int]]:
    """Cut rows so that no block takes more products than `BLOCK_PRODUCTS` (or is one row)."""
    import numpy as np

    frequency = np.bincount(prefixes.indices, minlength=prefixes.shape[1])
    sums = np.concatenate(([0], np.cumsum(frequency[prefixes.indices])))
    ends = np.concatenate(([0], np.cumsum(np.diff(sums[prefixes.indptr])[rows])))
    start = 0
    while start < len(rows):
        stop = int(np.searchsorted(ends, ends[start] + BLOCK_PRODUCTS, side="right")) - 1
        stop = max(stop, start + 1)
        yield start, stop
        start = stop


def _verified(
    matrix: csr_matrix, sizes: Ints, first: Ints, second: Ints, threshold: float
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
