"""Paired differences of two models on one benchmark, tested, bounded and judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synthetic_instruction_tuner.analysis import statistics
from synthetic_instruction_tuner.analysis.cells import (
    EXPLORATORY,
    NOT_MEASURED,
    PRIMARY,
    Cells,
    Sampled,
    Terms,
    correct,
    family_of,
    is_binary,
)
from synthetic_instruction_tuner.analysis.resampling import percentile_interval, seed_of
from synthetic_instruction_tuner.analysis.subjects import Pair

VERDICTS = ("better", "worse", "equivalent", "inconclusive")


def compare_all(
    sampled: Mapping[str, Sampled],
    pairs: Sequence[Pair],
    declared: Sequence[Pair],
    primary: Sequence[str],
    terms: Terms,
) -> Cells:
    """Compare every pair on every benchmark, correct for multiplicity, then judge.

    Args:
        sampled: Aligned and resampled items by benchmark.
        pairs: Pairs to compare.
        declared: The primary pairs, fixed in the settings.
        primary: The primary benchmarks, fixed in the settings.
        terms: Error rate, margin and seed.
    """
    cells: Cells = {
        pair.key: {
            key: compare_pair(key, one, pair, terms)
            | {"family": family_of(pair, key, declared, primary)}
            for key, one in sampled.items()
        }
        for pair in pairs
    }
    correct(cells, PRIMARY, statistics.holm, "Holm")
    correct(cells, EXPLORATORY, statistics.benjamini_hochberg, "Benjamini-Hochberg")
    for by_benchmark in cells.values():
        for key, cell in by_benchmark.items():
            if cell["status"] == "measured":
                cell["verdict"] = _judge(cell, terms, sampled[key].higher_is_better)
    return cells


def tally(cells: Cells) -> dict[str, dict[str, int]]:
    """Count the verdicts of every pair over the benchmarks."""
    table = {}
    for key, row in cells.items():
        found = [cell["verdict"] for cell in row.values() if cell["status"] == "measured"]
        table[key] = {one: found.count(one) for one in VERDICTS} | {"measured": len(found)}
    return table


def compare_pair(benchmark: str, sampled: Sampled, pair: Pair, terms: Terms) -> dict[str, Any]:
    """Compare two models item by item; without both results the cell says so."""
    import numpy as np

    if pair.challenger not in sampled.values or pair.reference not in sampled.values:
        return {**NOT_MEASURED, "challenger": pair.challenger, "reference": pair.reference}
    left, right = sampled.values[pair.challenger], sampled.values[pair.reference]
    deltas = [a - b for a, b in zip(left, right, strict=True)]
    draws = sampled.draws[pair.challenger] - sampled.draws[pair.reference]
    better, worse = sum(one > 0 for one in deltas), sum(one < 0 for one in deltas)
    simple = is_binary(left) and is_binary(right) and not sampled.clustered
    if simple:
        low, high = statistics.tango_interval(better, worse, len(deltas), terms.alpha)
        inner = statistics.tango_interval(better, worse, len(deltas), 2 * terms.alpha)
    else:
        low, high = interval(deltas, draws, sampled, terms.alpha)
        inner = interval(deltas, draws, sampled, 2 * terms.alpha)
    p = (
        statistics.mcnemar_midp(better, worse)
        if simple
        else statistics.sign_flip(
            deltas, sampled.clusters, seed_of("sign-flip", benchmark, pair.key, terms.seed)
        )
    )
    return {
        "status": "measured",
        "challenger": pair.challenger,
        "reference": pair.reference,
        "n": len(deltas),
        "clusters": len(set(sampled.clusters)),
        "delta": float(np.mean(deltas)),
        "low": low,
        "high": high,
        "equivalence_low": inner[0],
        "equivalence_high": inner[1],
        "items_better": better,
        "items_worse": worse,
        "test": "McNemar mid-p" if simple else "sign-flip permutation",
        "p": p,
        "mde": _detectable(deltas, sampled, terms.alpha, high),
    }


def interval(
    deltas: Sequence[float], draws: Any, sampled: Sampled, alpha: float
) -> tuple[float, float]:
    """Bound a paired difference by its bootstrap draws; clustered items by Student's t.

    Right-or-wrong items without clusters have `statistics.tango_interval` instead.

    Percentiles of resampled clusters are too narrow where there are few clusters (8 subjects: 84 %
    instead of 90 %; see `statistics.cluster_interval`).

    Where no item differs at all, every draw is 0 and would claim certainty; then the bound is the
    share of differing clusters (of single items, where they share none) that so many without one
    cannot rule out ("rule of three", Hanley and Lippman-Hand 1983).
    """
    if not any(deltas):
        bound = 1 - (alpha / 2) ** (1 / len(set(sampled.clusters)))
        return -bound, bound
    if sampled.clustered:
        return statistics.cluster_interval(deltas, sampled.clusters, alpha)
    return percentile_interval(draws, alpha)


def _detectable(
    deltas: Sequence[float], sampled: Sampled, alpha: float, bound: float
) -> float | None:
    """Return the smallest difference that would be found; None if there are too few clusters.

    Of the 2**n sign patterns of n clusters two are as extreme as the most extreme one, so with five
    clusters p never falls below 0.06, however large the difference.
    """
    clusters = len(set(sampled.clusters))
    if clusters < 2 or (sampled.clustered and 2 / 2**clusters >= alpha):
        return None
    if not any(deltas):
        return bound
    error = statistics.standard_error(deltas, sampled.clusters)
    return statistics.minimal_detectable_difference(
        error, alpha, clusters=clusters if sampled.clustered else None
    )


def _judge(cell: Mapping[str, Any], terms: Terms, higher_is_better: bool) -> str:
    return statistics.verdict(
        cell["delta"] if higher_is_better else -cell["delta"],
        cell["p_corrected"],
        cell["equivalence_low"],
        cell["equivalence_high"],
        terms.alpha,
        terms.margin,
    )
