"""One figure a model: each skill once, scaled between guessing and perfect, then averaged."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.analysis.cells import Sampled
from synthetic_instruction_tuner.analysis.evidence import Parts, independent, overlapping

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class ModelMean:
    """A model's mean.

    Attributes:
        score: The mean over skills, scaled.
        low: Lower end of its interval.
        high: Upper end.
        first_share: Share of the resamplings of items and seeds in which it comes first.
    """

    score: float
    low: float
    high: float
    first_share: float


@dataclass(frozen=True)
class Gap:
    """The difference of two models' means: challenger - reference.

    Attributes:
        low: Lower end of an interval that holds for all arms at once (Bonferroni).
        high: Upper end.
    """

    challenger: str
    reference: str
    delta: float
    low: float
    high: float


@dataclass(frozen=True)
class Means:
    """Means of all models over the same skills.

    Attributes:
        skills: Benchmarks that were averaged, by skill; a skill counts once.
        models: By model; None where it lacks a benchmark.
        gaps: By pair of models, in both directions.
        draws: Resampled means by model; not stored.
    """

    skills: dict[str, list[str]]
    models: dict[str, ModelMean | None]
    gaps: dict[str, Gap]
    draws: dict[str, np.ndarray]

    @property
    def benchmarks(self) -> list[str]:
        """What was averaged."""
        return [key for keys in self.skills.values() for key in keys]

    def dump(self) -> dict[str, object]:
        """Write as JSON values, without the draws."""
        return {
            "skills": self.skills,
            "benchmarks": self.benchmarks,
            "models": {k: one and vars(one) for k, one in self.models.items()},
            "gaps": {key: vars(one) for key, one in self.gaps.items()},
        }


def normalise(score: float, chance: float | None) -> float:
    """Scale so that guessing is 0 and perfect is 1 (Open LLM Leaderboard v2 normalisation).

    Scores below chance stay negative: cutting them off would hide that a model is worse than
    guessing.
    """
    floor = chance or 0.0
    return (score - floor) / (1 - floor)


def macro_means(
    sampled: Mapping[str, Sampled],
    chances: Mapping[str, float | None],
    skills: Mapping[str, str],
    models: Sequence[str],
    alpha: float,
) -> Means:
    """Average the scaled scores: first the benchmarks of a skill, then the skills.

    Only benchmarks that every model was measured on, whose items score between 0 and 1. Intervals
    are Student's t over the items or clusters of all benchmarks and over training seeds, whose
    effect is the same model's in all of them. Benchmarks of one skill may ask the same rows, so
    their standard errors add up.

    Args:
        sampled: Items by benchmark, of those that may be averaged.
        chances: Score of guessing by benchmark.
        skills: Skill by benchmark.
        models: Models that tables show.
        alpha: 1 - coverage of the intervals.
    """
    present = [name for name in models if any(one.seeds(name) for one in sampled.values())]
    shared = {
        key: one
        for key, one in sampled.items()
        if one.is_share and present and all(one.seeds(name) for name in present)
    }
    by_skill: dict[str, list[str]] = {}
    for key in shared:
        by_skill.setdefault(skills[key], []).append(key)
    if not by_skill:
        return Means({}, dict.fromkeys(models), {}, {})
    average = _Average(shared, chances, by_skill)
    draws = {name: average.draws(name) for name in present}
    shares = _first_shares(draws)
    found: dict[str, ModelMean | None] = dict.fromkeys(models)
    for name in present:
        student = average.of(name).student()
        offset = average.offset
        low, high = student.interval(alpha)
        found[name] = ModelMean(student.value + offset, low + offset, high + offset, shares[name])
    arms = max(1, len(present) - 1)
    gaps = {
        f"{left}-vs-{right}": average.gap(left, right, alpha / arms)
        for left, right in itertools.permutations(present, 2)
    }
    return Means(by_skill, found, gaps, draws)


@dataclass(frozen=True)
class _Average:
    """How benchmarks become one mean."""

    sampled: Mapping[str, Sampled]
    chances: Mapping[str, float | None]
    by_skill: Mapping[str, Sequence[str]]

    def weight(self, key: str) -> float:
        """What a point on a benchmark adds to the mean."""
        keys = next(keys for keys in self.by_skill.values() if key in keys)
        return 1 / (len(keys) * len(self.by_skill) * (1 - (self.chances[key] or 0.0)))

    @property
    def offset(self) -> float:
        """What guessing everywhere would add: taken off."""
        return -sum(self.weight(key) * (self.chances[key] or 0.0) for key in self.sampled)

    def draws(self, name: str) -> np.ndarray:
        """Average the joint bootstrap draws."""
        weighted = [self.weight(key) * one.draws[name] for key, one in self.sampled.items()]
        total: np.ndarray = sum(weighted[1:], weighted[0]) + self.offset
        return total

    def of(self, *names: str) -> Parts:
        """Take the mean of a model, or of the first less the second, apart."""
        every = [set(one.seeds(*names)) for one in self.sampled.values()]
        seeds = sorted(set.intersection(*every), key=str)
        parts = []
        for keys in self.by_skill.values():
            own = []
            for key in keys:
                one = self.sampled[key]
                rows = (
                    one.rows(names[0], seeds)
                    if len(names) == 1
                    else one.differences(names[0], names[1], seeds)
                )
                own.append(one.parts(rows).scaled(self.weight(key)))
            parts.append(overlapping(own))
        return independent(parts)

    def gap(self, left: str, right: str, alpha: float) -> Gap:
        """Compare two models' means on the same items and seeds."""
        student = self.of(left, right).student()
        return Gap(left, right, student.value, *student.interval(alpha))


def _first_shares(draws: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Share of the draws in which each model comes first; ties share a draw."""
    import numpy as np

    stacked = np.stack(list(draws.values()))
    first = stacked == stacked.max(axis=0)
    shares = (first / first.sum(axis=0)).mean(axis=1)
    return {name: float(one) for name, one in zip(draws, shares, strict=True)}
