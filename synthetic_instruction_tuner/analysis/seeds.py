"""How much results move from one training seed to the next."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

ONE_SEED = "one seed: this checkpoint only"


def between_seeds(
    subjects: Mapping[str, Mapping[str, Any]], scores: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Mean and standard deviation of every arm's score over its training seeds.

    Args:
        subjects: Descriptions of all models (`arm`, `seed`).
        scores: Score cells by model, then by benchmark.

    Returns:
        By arm, then by benchmark: how many seeds, their mean, their standard deviation (None with
        one seed, because one run says nothing about the next).
    """
    arms: dict[str, list[str]] = {}
    for name, one in subjects.items():
        if one["arm"]:
            arms.setdefault(one["arm"], []).append(name)
    benchmarks = next(iter(scores.values()), {})
    return {
        arm: {key: _spread([scores[name][key] for name in names]) for key in benchmarks}
        for arm, names in arms.items()
    }


def _spread(cells: list[Any]) -> dict[str, Any]:
    values = [cell["score"] for cell in cells if cell["status"] == "measured"]
    if len(values) < 2:
        note = ONE_SEED if values else "not measured"
        return {"seeds": len(values), "mean": None, "sd": None, "note": note}
    return {
        "seeds": len(values),
        "mean": statistics.fmean(values),
        "sd": statistics.stdev(values),
        "note": f"standard deviation over {len(values)} training seeds",
    }
