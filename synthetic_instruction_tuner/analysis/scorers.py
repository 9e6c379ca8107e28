"""Which scorer ranked the choices of every benchmark, and how far the two are apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from synthetic_instruction_tuner.analysis.results import Results


def describe_scorers(results: Results, subjects: Sequence[str]) -> dict[str, Any]:
    """Sum up what the agreement samples of the models showed (see `likelihood.agreement`).

    Args:
        results: What was measured.
        subjects: Models that tables show.

    Returns:
        By benchmark whose choices are ranked: "models" measured, "fast" how many of them by the
        fast scorer, "items" compared, and "changed" choices; of the model that is nearest to what
        is allowed (or furthest past it), the "largest" difference a token and the "tolerance".
    """
    found = {}
    for key, measured in results.items():
        samples = [
            one.result.measurements["agreement"]
            for name, one in measured.items()
            if name in subjects and "agreement" in one.result.measurements
        ]
        if samples:
            nearest = max(samples, key=_share_of_tolerance)
            found[key] = {
                "models": len(samples),
                "fast": sum(one["used"] == "fast" for one in samples),
                "items": sum(one["items"] for one in samples),
                "largest": nearest["largest"],
                "tolerance": nearest["tolerance"],
                "changed": sum(one["changed"] for one in samples),
            }
    return found


def _share_of_tolerance(sample: dict[str, Any]) -> float:
    return float(sample["largest"]) / float(sample["tolerance"])
