"""Every cell of the result tables: scores with intervals, paired differences with verdicts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from synthetic_instruction_tuner.analysis import statistics
from synthetic_instruction_tuner.analysis.resampling import (
    joint_bootstrap,
    percentile_interval,
    seed_of,
)
from synthetic_instruction_tuner.analysis.results import Measured, aligned, mean
from synthetic_instruction_tuner.analysis.subjects import Pair

PRIMARY, EXPLORATORY = "primary", "exploratory"
NOT_MEASURED = {"status": "not measured"}

Cells = dict[str, dict[str, dict[str, Any]]]
"""By model or pair, then by benchmark."""


class Terms(NamedTuple):
    """What the study fixed before measuring.

    Attributes:
        alpha: Family-wise error rate.
        margin: Difference below which two models count as equivalent.
        seed: Run seed.
    """

    alpha: float
    margin: float
    seed: int


class Sampled(NamedTuple):
    """One benchmark's items and joint bootstrap draws of all its models.

    Attributes:
        clusters: Cluster of every item, in item order.
        values: Item scores by model, in the same order.
        draws: Resampled means by model.
        higher_is_better: Direction of the metric.
    """

    clusters: list[str]
    values: dict[str, list[float]]
    draws: dict[str, Any]
    higher_is_better: bool = True

    @property
    def is_share(self) -> bool:
        """Whether every item scores between 0 and 1, more being better."""
        scores = [value for one in self.values.values() for value in one]
        return self.higher_is_better and all(0 <= value <= 1 for value in scores)

    @property
    def clustered(self) -> bool:
        """Whether any two items share a cluster."""
        return len(set(self.clusters)) < len(self.clusters)


def sample(benchmark: str, measured: Mapping[str, Measured], seed: int) -> Sampled:
    """Align the models' items and resample them together."""
    clusters, values = aligned(measured)
    if len(set(clusters)) == 1:  # nothing can be said about further clusters, only about its items
        clusters = [str(item) for item in range(len(clusters))]
    draws = joint_bootstrap(values, clusters, seed_of("bootstrap", benchmark, seed))
    upward = all(one.result.higher_is_better for one in measured.values())
    return Sampled(clusters, values, draws, upward)


def score(sampled: Sampled, subject: str, alpha: float) -> dict[str, Any]:
    """Mean score of one model with its interval.

    Right-or-wrong items without clusters get Wilson's interval, clustered items Student's t over
    clusters (within the range that the items allow), all others the bootstrap. Where all items are
    right, or all wrong, clusters show no variation and t would claim certainty: Wilson's again.
    """
    values = sampled.values[subject]
    if is_binary(values) and (not sampled.clustered or len(set(values)) == 1):
        low, high = statistics.wilson_interval(round(sum(values)), len(values), alpha)
        method = "Wilson"
    elif sampled.clustered:
        low, high = statistics.cluster_interval(values, sampled.clusters, alpha)
        if min(values) >= 0 and max(values) <= 1:
            low, high = max(low, 0.0), min(high, 1.0)
        method = "t over clusters"
    else:
        low, high = percentile_interval(sampled.draws[subject], alpha)
        method = "bootstrap"
    return {
        "status": "measured",
        "n": len(values),
        "clusters": len(set(sampled.clusters)),
        "score": mean(values),
        "low": low,
        "high": high,
        "method": method,
    }


def is_binary(values: Sequence[float]) -> bool:
    """Whether every item is simply right or wrong."""
    return all(value in (0.0, 1.0) for value in values)


def correct(
    cells: Cells, family: str, adjust: Callable[[Sequence[float]], Sequence[float]], name: str
) -> None:
    """Correct the p values of one family together, in place."""
    chosen = [
        cell
        for by_benchmark in cells.values()
        for cell in by_benchmark.values()
        if cell["status"] == "measured" and cell["family"] == family
    ]
    for cell, corrected in zip(chosen, adjust([one["p"] for one in chosen]), strict=True):
        cell.update(p_corrected=float(corrected), correction=name)


def family_of(pair: Pair, benchmark: str, declared: Sequence[Pair], primary: Sequence[str]) -> str:
    """Say whether a cell was declared before measuring or is a look around."""
    return PRIMARY if pair in declared and benchmark in primary else EXPLORATORY
