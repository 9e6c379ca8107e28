"""Which models are worth their cost: none other is at least as good and cheaper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

COSTS = {
    "train_memory": "Peak training memory",
    "chain_seconds": "Training time",
    "trained_parameters": "Trained parameters",
    "adapter_bytes": "Adapter file",
}
"""Costs a front is drawn for, by their name in the efficiency table."""


def cost_of(efficiency: Mapping[str, Any], name: str) -> float | None:
    """Read one cost from a row of the efficiency table."""
    if name == "train_memory":
        return (efficiency.get("memory") or {}).get("train")
    value = efficiency.get(name)
    return None if value is None else float(value)


def fronts(
    efficiency: Mapping[str, Mapping[str, Any]],
    quality: Mapping[str, Any],
    draws: Mapping[str, Any],
    names: Sequence[str],
) -> dict[str, dict[str, Any]]:
    """Compute the Pareto front of quality against every cost.

    Args:
        efficiency: Efficiency table by model.
        quality: Aggregate by model ({"score", "low", "high"} or None).
        draws: Bootstrap draws of the aggregate by model.
        names: Models to place (the arms; the base costs nothing and is a reference line).

    Returns:
        By cost, by model: cost, score, low, high, whether it is on the front, and the share of
        bootstrap draws in which it is.
    """
    found = {}
    for cost in COSTS:
        known = {
            name: value
            for name in names
            if quality.get(name) and (value := cost_of(efficiency[name], cost)) is not None
        }
        shares = _front_shares(known, draws)
        scores = {name: quality[name]["score"] for name in known}
        found[cost] = {
            name: {
                "cost": known[name],
                **{key: quality[name][key] for key in ("score", "low", "high")},
                "on_front": not is_dominated(name, known, scores),
                "front_share": shares[name],
            }
            for name in known
        }
    return found


def is_dominated(name: str, costs: Mapping[str, float], scores: Mapping[str, float]) -> bool:
    """Whether another model costs no more, is no worse, and is ahead in one of the two."""
    return any(
        costs[other] <= costs[name]
        and scores[other] >= scores[name]
        and (costs[other] < costs[name] or scores[other] > scores[name])
        for other in costs
        if other != name
    )


def _front_shares(costs: Mapping[str, float], draws: Mapping[str, Any]) -> dict[str, float]:
    """Share of bootstrap draws in which each model is on the front."""
    import numpy as np

    shares = {}
    for name in costs:
        beaten = np.zeros(len(draws[name]), dtype=bool)
        for other in costs:
            if other == name or costs[other] > costs[name]:
                continue
            cheaper = costs[other] < costs[name]
            ahead = draws[other] >= draws[name] if cheaper else draws[other] > draws[name]
            beaten |= ahead
        shares[name] = float(1 - beaten.mean())
    return shares
