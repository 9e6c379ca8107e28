"""One benchmark taken apart: agent tasks by category and error, instructions by constraint.

Everything is counted from the items' own logs, so a figure here cannot contradict the score that
the same items average to. These figures are exploratory: they carry intervals, no verdicts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from synthetic_instruction_tuner.analysis.results import Measured, Results, mean
from synthetic_instruction_tuner.analysis.statistics import cluster_interval, wilson_interval
from synthetic_instruction_tuner.evaluation.instructions.kinds import kind_of
from synthetic_instruction_tuner.records import ItemScore

LEAST_ITEMS = 10
"""Items that a constraint needs for a line of its own: three tell nothing."""
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
    """Take instruction-following benchmarks apart: which constraints are obeyed how often.

    Returns:
        By benchmark: by model, by kind of constraint and by each one with enough items, the number
        of items, the mean share of it that was obeyed and an interval; None for a model without.
    """
    return _apart(results, subjects, "obeyed", lambda one: _constraints(one, alpha))


def _constraints(measured: Measured, alpha: float) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, list[float]]] = {}
    for item in measured.items:
        for name, right in item.detail["obeyed"].items():
            for line in (str(name), f"all on {kind_of(str(name))}"):
                found.setdefault(line, {}).setdefault(item.id, []).append(float(right))
    shares = {
        name: [mean(some) for some in by_item.values()]
        for name, by_item in found.items()
        if len(by_item) >= LEAST_ITEMS or name.startswith("all on ")
    }
    return {
        name: {
            "items": len(values),
            "obeyed": mean(values),
            **_share_bounds(values, alpha),
        }
        for name, values in sorted(shares.items())
    }


def _share_bounds(values: Sequence[float], alpha: float) -> dict[str, float]:
    """Bound a mean of one share an item: Wilson's where all are 0 or 1, else Student's t."""
    if set(values) <= {0.0, 1.0} or len(values) < 2:
        low, high = wilson_interval(round(sum(values)), len(values), alpha)
    else:
        low, high = cluster_interval(values, [str(n) for n in range(len(values))], alpha)
    return {"low": max(low, 0.0), "high": min(high, 1.0)}


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
