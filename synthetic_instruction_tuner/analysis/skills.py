"""One benchmark taken apart: agent tasks by category and error, instructions by constraint.

Everything is counted from the items' own logs, so a figure here cannot contradict the score that
the same items average to. These figures are a look around: they carry intervals, no verdicts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from synthetic_instruction_tuner.analysis.results import Measured, Results, mean
from synthetic_instruction_tuner.analysis.statistics import cluster_interval, wilson_interval
from synthetic_instruction_tuner.records import ItemScore

AGENT_METRICS = ("success", "success_strict", "progress")


def describe_agents(results: Results, subjects: Sequence[str], alpha: float) -> dict[str, Any]:
    """Take agent benchmarks apart.

    Args:
        results: What was measured.
        subjects: Models that tables show.
        alpha: 1 - coverage of the intervals.

    Returns:
        By benchmark: "items" by category, and by model "overall", "category" and "level" with the
        share of successes (replies read leniently, with an interval; strictly) and the mean
        progress, "errors" and "status" with the number of episodes; None for a model without.
    """
    return _apart(results, subjects, "errors", lambda one: _agent(one, alpha))


def _agent(measured: Measured, alpha: float) -> dict[str, Any]:
    items = measured.items
    errors: Counter[str] = Counter()
    for item in items:
        errors.update(item.detail["errors"].keys())
    return {
        "items": len(items),
        "overall": _summary(items, alpha),
        "category": _grouped(items, "category", alpha),
        "level": _grouped(items, "level", alpha),
        "errors": dict(sorted(errors.items())),
        "status": dict(sorted(Counter(str(one.detail["status"]) for one in items).items())),
    }


def _grouped(items: Sequence[ItemScore], field: str, alpha: float) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[ItemScore]] = {}
    for item in items:
        groups.setdefault(str(item.detail[field]), []).append(item)
    return {name: _summary(groups[name], alpha) for name in sorted(groups)}


def _summary(items: Sequence[ItemScore], alpha: float) -> dict[str, Any]:
    means = {name: mean([one.scores[name] for one in items]) for name in AGENT_METRICS}
    return {
        "items": len(items),
        **means,
        **_bounds([one.scores["success"] for one in items], [one.cluster for one in items], alpha),
    }


def _bounds(values: Sequence[float], clusters: Sequence[str], alpha: float) -> dict[str, float]:
    """Bound a share as the score of the whole benchmark is bounded: items of a family go together.

    Where all items are alike, or of one family, there is nothing to see of families.
    """
    if len(set(values)) > 1 and 1 < len(set(clusters)) < len(clusters):
        low, high = cluster_interval(values, clusters, alpha)
        return {"low": max(low, 0.0), "high": min(high, 1.0)}
    low, high = wilson_interval(round(sum(values)), len(values), alpha)
    return {"low": low, "high": high}


def describe_constraints(results: Results, subjects: Sequence[str], alpha: float) -> dict[str, Any]:
    """Take instruction-following benchmarks apart: which constraint is obeyed how often.

    Returns:
        By benchmark: by model, by constraint the number of items, the share that obeyed it and
        Wilson's interval; None for a model without.
    """
    return _apart(results, subjects, "obeyed", lambda one: _constraints(one, alpha))


def _constraints(measured: Measured, alpha: float) -> dict[str, dict[str, Any]]:
    obeyed: dict[str, dict[str, float]] = {}
    for item in measured.items:
        for name, right in item.detail["obeyed"].items():
            obeyed.setdefault(str(name), {})[item.id] = float(right)
    return {
        name: {
            "items": len(found),
            "obeyed": mean(list(found.values())),
            **_bounds(list(found.values()), list(found), alpha),
        }
        for name, found in sorted(obeyed.items())
    }


def _apart(
    results: Results, subjects: Sequence[str], mark: str, describe: Callable[[Measured], Any]
) -> dict[str, Any]:
    """Describe every model on the benchmarks whose items' details have a mark."""
    return {
        key: {name: describe(measured[name]) if name in measured else None for name in subjects}
        for key, measured in results.items()
        if _has(measured, mark)
    }


def _has(measured: Mapping[str, Measured], mark: str) -> bool:
    first = next(iter(measured.values()), None)
    return first is not None and any(mark in item.detail for item in first.items[:1])
