"""Which models are worth their cost: none other is at least as good and cheaper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthetic_instruction_tuner.analysis.aggregate import Means
from synthetic_instruction_tuner.analysis.costs import COSTS, Cost, cost_of


@dataclass(frozen=True)
class Point:
    """One arm on one front.

    Attributes:
        cost: Mean cost of its trainings.
        score: Mean over skills.
        low: Lower end of the score's interval.
        high: Upper end.
        on_front: Whether no other arm is as good at a cost that is not shown to be higher.
        front_share: Share of resamplings of items and seeds in which that holds.
    """

    cost: float
    score: float
    low: float
    high: float
    on_front: bool
    front_share: float


def fronts(
    efficiency: Mapping[str, Mapping[str, Any]], means: Means, names: Sequence[str]
) -> dict[str, dict[str, Point]]:
    """Compute the Pareto front of quality against every cost.

    Costs that differ by no more than their scatter count as equal.

    Args:
        efficiency: Efficiency table by model.
        means: Quality by model.
        names: Models to place (the arms; the base costs nothing and is a reference line).

    Returns:
        By cost, by model.
    """
    found: dict[str, dict[str, Point]] = {}
    for cost in COSTS:
        known = {
            name: value
            for name in names
            if means.models.get(name) and (value := cost_of(efficiency[name], cost)) is not None
        }
        scores = {name: one.score for name, one in means.models.items() if one is not None}
        shares = _front_shares(known, means)
        found[cost] = {
            name: Point(
                known[name].mean,
                mean.score,
                mean.low,
                mean.high,
                not is_dominated(name, known, scores),
                shares[name],
            )
            for name in known
            if (mean := means.models[name]) is not None
        }
    return found


def is_dominated(name: str, costs: Mapping[str, Cost], scores: Mapping[str, float]) -> bool:
    """Whether another model costs no more, is no worse, and is ahead in one of the two."""
    return any(
        scores[other] >= scores[name]
        and not costs[name].is_below(costs[other])
        and (costs[other].is_below(costs[name]) or scores[other] > scores[name])
        for other in costs
        if other != name
    )


def _front_shares(costs: Mapping[str, Cost], means: Means) -> dict[str, float]:
    """Share of bootstrap draws in which each model is on the front."""
    import numpy as np

    draws, shares = means.draws, {}
    for name in costs:
        beaten = np.zeros(len(draws[name]), dtype=bool)
        for other in costs:
            if other == name or costs[name].is_below(costs[other]):
                continue
            cheaper = costs[other].is_below(costs[name])
            beaten |= draws[other] >= draws[name] if cheaper else draws[other] > draws[name]
        shares[name] = float(1 - beaten.mean())
    return shares
