"""Train and validation: by cluster, stratified by domain, drawn by hash.

Whole clusters are handed out, so nothing held out has a near relative in the training rows. Which
ones follows from the seed and the cluster's name alone, never from a position.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from synthetic_instruction_tuner.storage.files import digest

TRAIN, VALIDATION = "train", "validation"


class Member(NamedTuple):
    """A row as the split sees it."""

    id: str
    domain: str
    cluster: str


def assign(members: Sequence[Member], share: float, seed: int) -> dict[str, str]:
    """Split rows by cluster.

    Each domain gives its share of validation rows (largest remainders, so that the total is
    right). A cluster goes to validation if it still fits into what its domain, the most frequent
    among its rows, has left to give; what is missing after that comes from any domain. Where no
    cluster is small enough, the smallest is held out: training needs something to validate on.

    Args:
        members: The kept rows.
        share: Share of the rows to hold out.
        seed: Seed of the draw.

    Returns:
        "train" or "validation" by row id.
    """
    clusters: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        clusters[member.cluster].append(member)
    order = sorted(clusters, key=lambda name: (digest({"seed": seed, "cluster": name}), name))
    wanted = held_out_count(len(members), share)
    left = quotas(Counter(member.domain for member in members), wanted)
    chosen: set[str] = set()
    for name in order:
        domain = _domain(clusters[name])
        if len(clusters[name]) <= left[domain]:
            left[domain] -= len(clusters[name])
            chosen.add(name)
    missing = sum(left.values())
    for name in order:
        if name not in chosen and len(clusters[name]) <= missing and len(chosen) < len(order) - 1:
            missing -= len(clusters[name])
            chosen.add(name)
    if not chosen and len(order) > 1:  # every cluster is larger than what is to be held out
        chosen.add(min(order, key=lambda name: len(clusters[name])))
    return {one.id: VALIDATION if one.cluster in chosen else TRAIN for one in members}


def held_out_count(rows: int, share: float) -> int:
    """Return how many of `rows` to hold out: the rounded share, but at least one of each split."""
    return min(max(round(rows * share), 1), rows - 1)


def quotas(sizes: Mapping[str, float], total: int) -> dict[str, int]:
    """Divide a total in proportion to sizes, by largest remainders, ties by name."""
    everything = sum(sizes.values())
    exact = {name: total * size / everything for name, size in sizes.items()}
    shares = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (shares[name] - exact[name], name))
    for name in by_remainder[: total - sum(shares.values())]:
        shares[name] += 1
    return shares


def _domain(cluster: Sequence[Member]) -> str:
    counts = Counter(member.domain for member in cluster)
    return min(counts, key=lambda name: (-counts[name], name))
