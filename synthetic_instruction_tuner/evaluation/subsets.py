"""Seeded, stratified subsets: the same share of every stratum, never "the first N"."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence


def rank(seed: int, *parts: object) -> str:
    """Return the place of an item in the seeded order: a hash of its identity."""
    text = "\x1f".join([str(seed), *(str(part) for part in parts)])
    return hashlib.sha256(text.encode()).hexdigest()


def allocate(sizes: Mapping[str, int], total: int) -> dict[str, int]:
    """Share a total among strata in proportion to their sizes (largest remainders).

    >>> allocate({"a": 60, "b": 30, "c": 10}, 10)
    {'a': 6, 'b': 3, 'c': 1}
    """
    everything = sum(sizes.values())
    total = min(total, everything)
    exact = {name: size * total / everything for name, size in sizes.items()}
    shares = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(sizes, key=lambda name: (shares[name] - exact[name], name))
    for name in by_remainder[: total - sum(shares.values())]:
        shares[name] += 1
    return shares


def choose(strata: Mapping[str, Sequence[str]], total: int, seed: int) -> dict[str, list[int]]:
    """Choose items of every stratum.

    A smaller subset is part of a larger one as far as the shares allow, because the order of the
    items in a stratum depends on the seed and the items only.

    Args:
        strata: Contents of the items by stratum (their texts: what identifies them).
        total: Items wanted.
        seed: Seed of the order.

    Returns:
        Positions by stratum, ascending.
    """
    shares = allocate({name: len(items) for name, items in strata.items()}, total)
    chosen = {}
    for name, items in strata.items():
        order = sorted(range(len(items)), key=lambda i: (rank(seed, name, items[i]), i))
        chosen[name] = sorted(order[: shares[name]])
    return chosen
