"""How much results move from one training seed to the next."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

ONE_SEED = "one seed: these trained models only"


@dataclass(frozen=True)
class Spread:
    """An arm's scores on one benchmark over its training seeds.

    Attributes:
        seeds: Trainings that were measured.
        mean: Mean score; None with fewer than two.
        sd: Standard deviation; None with fewer than two, which say nothing about the next.
        note: The same in words.
    """

    seeds: int
    mean: float | None
    sd: float | None
    note: str


def between_seeds(
    subjects: Mapping[str, Mapping[str, Any]],
    runs: Mapping[str, Mapping[str, float]],
    benchmarks: Sequence[str],
) -> dict[str, dict[str, Spread]]:
    """Mean and standard deviation of every arm's score over its training seeds.

    Args:
        subjects: Descriptions of all models (`arm`, `seed`).
        runs: Scores by model and seed, then by benchmark, of what was measured.
        benchmarks: Benchmarks that score answers.

    Returns:
        By arm, then by benchmark.
    """
    arms: dict[str, list[str]] = {}
    for name, one in subjects.items():
        if one["arm"]:
            arms.setdefault(one["arm"], []).append(name)
    return {
        arm: {
            key: _spread([runs[name][key] for name in names if key in runs.get(name, {})])
            for key in benchmarks
        }
        for arm, names in arms.items()
    }


def _spread(values: Sequence[float]) -> Spread:
    if len(values) < 2:
        return Spread(len(values), None, None, ONE_SEED if values else "not measured")
    note = f"standard deviation over {len(values)} training seeds"
    return Spread(len(values), statistics.fmean(values), statistics.stdev(values), note)
