"""Every cell of the score table: what was measured of one model on one benchmark, bounded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from synthetic_instruction_tuner.analysis import statistics
from synthetic_instruction_tuner.analysis.evidence import Parts, parts_of
from synthetic_instruction_tuner.analysis.resampling import joint_bootstrap, over_seeds, seed_of
from synthetic_instruction_tuner.analysis.results import Measured, aligned, mean

if TYPE_CHECKING:
    import numpy as np

NOT_MEASURED = {"status": "not measured"}

Runs = Mapping[str, Mapping[int | None, str]]
"""By model that tables show: the model of every training seed (None: the base, untrained)."""


class Terms(NamedTuple):
    """What the study fixed before measuring.

    Attributes:
        alpha: Family-wise error rate.
        margin: Difference below which two models count as equivalent.
        seed: Run seed.
        loss: Largest loss that is accepted for a gain elsewhere.
    """

    alpha: float
    margin: float
    seed: int
    loss: float = 0.05


class Sampled(NamedTuple):
    """One benchmark's items and joint bootstrap draws of all its models.

    Attributes:
        clusters: What each item shares with others, in item order; distinct names where items are
            independent draws, or strata with fixed shares.
        values: Item scores by model and seed, in the same order.
        draws: Resampled means by model that tables show, items and training seeds resampled.
        higher_is_better: Direction of the metric.
        runs: Models by training seed; {} where every model stands for itself.
    """

    clusters: list[str]
    values: dict[str, list[float]]
    draws: dict[str, np.ndarray]
    higher_is_better: bool = True
    runs: Runs = MappingProxyType({})

    @property
    def is_share(self) -> bool:
        """Whether every item scores between 0 and 1, more being better."""
        scores = [value for one in self.values.values() for value in one]
        return self.higher_is_better and all(0 <= value <= 1 for value in scores)

    @property
    def clustered(self) -> bool:
        """Whether any two items share a cluster."""
        return len(set(self.clusters)) < len(self.clusters)

    def seeds(self, *models: str) -> list[int | None]:
        """List the training seeds that all of these models were measured with.

        The base has none and goes with every seed; [None] where no model has any, [] where one of
        them was not measured.
        """
        own = [set(self._by_seed(one)) for one in models]
        if not all(own):
            return []
        trained = [one for one in own if one != {None}]
        return sorted(set.intersection(*trained), key=str) if trained else [None]

    def rows(self, model: str, seeds: Sequence[int | None] | None = None) -> list[list[float]]:
        """Return the item scores of a model, one row a training seed."""
        own = self._by_seed(model)
        wanted = self.seeds(model) if seeds is None else seeds
        return [self.values[own[None] if None in own else own[seed]] for seed in wanted]

    def differences(
        self, challenger: str, reference: str, seeds: Sequence[int | None] | None = None
    ) -> list[list[float]]:
        """Subtract item by item, one row a training seed that both were measured with."""
        wanted = self.seeds(challenger, reference) if seeds is None else seeds
        pairs = zip(self.rows(challenger, wanted), self.rows(reference, wanted), strict=True)
        return [[a - b for a, b in zip(left, right, strict=True)] for left, right in pairs]

    def parts(self, rows: Sequence[Sequence[float]]) -> Parts:
        """Take rows of this benchmark's items apart."""
        return parts_of(rows, self.clusters)

    def _by_seed(self, model: str) -> dict[int | None, str]:
        own = self.runs.get(model, {None: model})
        return {seed: name for seed, name in own.items() if name in self.values}


def sample(
    benchmark: str,
    measured: Mapping[str, Measured],
    seed: int,
    runs: Runs | None = None,
    strata: bool = False,
) -> Sampled:
    """Align the models' items and resample them together.

    Args:
        benchmark: Its key.
        measured: Results by model and seed.
        seed: Run seed.
        runs: Models by training seed.
        strata: Whether the items' groups are strata that each give a fixed share. Their items then
            count as drawn alone, which is never too narrow (Cochran 1977, Sampling Techniques,
            section 5.6: proportional allocation).
    """
    runs = runs or {}
    clusters, values = aligned(measured)
    if strata or len(set(clusters)) == 1:  # one cluster says nothing about further ones
        clusters = [str(item) for item in range(len(clusters))]
    draws = joint_bootstrap(values, clusters, seed_of("bootstrap", benchmark, seed))
    upward = all(one.result.higher_is_better for one in measured.values())
    pooled = over_seeds(draws, runs, seed_of("seeds", seed))
    return Sampled(clusters, values, draws | pooled, upward, runs)


@dataclass(frozen=True)
class Score:
    """A model's score on a benchmark.

    Attributes:
        n: Items.
        clusters: Independent units among them.
        seeds: Training seeds that the score is the mean of.
        score: The mean.
        low: Lower end of its interval.
        high: Upper end.
        method: How the interval was made.
    """

    n: int
    clusters: int
    seeds: int
    score: float
    low: float
    high: float
    method: str
    status: str = "measured"


def score(sampled: Sampled, model: str, alpha: float) -> Score:
    """Mean score of one model with its interval.

    Right-or-wrong items without clusters get Wilson's interval, all others Student's t over
    clusters or items (within the range that items allow), and over training seeds where there are
    several. Where all items are right, or all wrong, t would claim certainty: Wilson's again.
    """
    rows = sampled.rows(model)
    flat = [value for row in rows for value in row]
    n, constant = len(rows[0]), len(set(flat)) == 1
    if is_binary(flat) and ((len(rows) == 1 and not sampled.clustered) or constant):
        low, high = statistics.wilson_interval(round(sum(rows[0])), n, alpha)
        method = "Wilson"
    else:
        low, high = sampled.parts(rows).student().interval(alpha)
        if min(flat) >= 0 and max(flat) <= 1:
            low, high = max(low, 0.0), min(high, 1.0)
        unit = "clusters" if sampled.clustered else "items"
        method = f"t over {unit}" + (" and seeds" if len(rows) > 1 else "")
    units = len(set(sampled.clusters))
    return Score(n, units, len(rows), mean(flat), low, high, method)


def is_binary(values: Sequence[float]) -> bool:
    """Whether every item is simply right or wrong."""
    return all(value in (0.0, 1.0) for value in values)
