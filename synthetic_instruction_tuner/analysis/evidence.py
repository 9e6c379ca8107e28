"""What the paired scores of two models show: a difference that can be bounded and tested.

Three kinds, by what there is to see: `Counts` of right-or-wrong items, `Student` where items are
fractions, come in clusters or were measured with several training seeds, and `Unchanged` where no
item differs at all.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from synthetic_instruction_tuner.analysis import statistics

POWER = 0.8
"""Chance with which the smallest detectable difference is found."""
SMALLEST = 1e-300
"""Smallest p that is told."""


class Evidence(Protocol):
    """An estimated difference."""

    @property
    def value(self) -> float:
        """The difference itself."""

    def interval(self, alpha: float) -> tuple[float, float]:
        """Bound the difference with coverage 1 - alpha."""

    def p_above(self, limit: float) -> float:
        """Test one-sided whether the true difference is above a limit."""

    def p_below(self, limit: float) -> float:
        """Test one-sided whether the true difference is below a limit."""


def p_equivalent(evidence: Evidence, margin: float) -> float:
    """Test whether the true difference lies within +-margin (TOST; Schuirmann 1987)."""
    return max(evidence.p_above(-margin), evidence.p_below(margin))


@dataclass(frozen=True)
class Counts:
    """Right-or-wrong items without clusters: the score test of Tango (1998).

    Attributes:
        better: Items only the first model has right.
        worse: Items only the second model has right.
        n: Items in all.
    """

    better: int
    worse: int
    n: int

    @property
    def value(self) -> float:
        """The difference of the two shares."""
        return (self.better - self.worse) / self.n

    def interval(self, alpha: float) -> tuple[float, float]:
        """Invert the score test."""
        return statistics.tango_interval(self.better, self.worse, self.n, alpha)

    def p_above(self, limit: float) -> float:
        """Test with the variance that the items would have at the limit."""
        return statistics.tango_p(self.better, self.worse, self.n, limit)

    def p_below(self, limit: float) -> float:
        """The same with the roles of the two models changed."""
        return statistics.tango_p(self.worse, self.better, self.n, -limit)


@dataclass(frozen=True)
class Unchanged:
    """No unit (item or cluster) differs: the "rule of three" (Hanley, Lippman-Hand 1983).

    Where the true share of differing units were d, so many without one would have chance
    (1 - d)**units.
    """

    units: int

    @property
    def value(self) -> float:
        """No difference was seen."""
        return 0.0

    def interval(self, alpha: float) -> tuple[float, float]:
        """Bound the share of units that may differ."""
        bound = 1 - (alpha / 2) ** (1 / self.units)
        return -bound, bound

    def p_above(self, limit: float) -> float:
        """Return the chance of seeing no differing unit if the share were the limit."""
        return (1 + max(limit, -1.0)) ** self.units if limit < 0 else 1.0

    def p_below(self, limit: float) -> float:
        """The same on the other side."""
        return self.p_above(-limit)


@dataclass(frozen=True)
class Student:
    """A mean with its standard error: Student's t.

    Where the error has a part that comes from a handful of training seeds, the quantile is the mean
    of both parts' quantiles, weighted by their variances (Cochran and Cox 1950). Satterthwaite's
    degrees of freedom, drawn from three seeds, claim 8 % false differences instead of 5 %.

    Attributes:
        value: The mean.
        error: Its standard error; NaN where there is a single cluster.
        df: Degrees of freedom of the items.
        share: Share of the squared error that comes from training seeds.
        seed_df: Degrees of freedom of the seeds.
    """

    value: float
    error: float
    df: float
    share: float = 0.0
    seed_df: float = 1.0

    def quantile(self, tail: float) -> float:
        """Return the quantile that a tail of this size lies beyond."""
        from scipy.stats import t

        own = float(t.isf(tail, self.df))
        if self.share == 0:
            return own
        return (1 - self.share) * own + self.share * float(t.isf(tail, self.seed_df))

    def interval(self, alpha: float) -> tuple[float, float]:
        """Return value +- quantile times error; infinite where nothing is known of the error."""
        if math.isnan(self.error):
            return -math.inf, math.inf
        half = self.quantile(alpha / 2) * self.error
        return self.value - half, self.value + half

    def p_above(self, limit: float) -> float:
        """Test one-sided against a limit."""
        if math.isnan(self.error):
            return 1.0
        if self.error == 0:
            return 0.0 if self.value > limit else 1.0
        return self._tail((self.value - limit) / self.error)

    def p_below(self, limit: float) -> float:
        """Test one-sided against a limit."""
        return dataclasses.replace(self, value=-self.value).p_above(-limit)

    @property
    def p(self) -> float:
        """Test two-sided against no difference."""
        return min(1.0, 2 * min(self.p_above(0.0), self.p_below(0.0)))

    def detectable(self, alpha: float) -> float | None:
        """Return the smallest true difference that is found with `POWER`."""
        if math.isnan(self.error):
            return None
        return (self.quantile(alpha / 2) + self.quantile(1 - POWER)) * self.error

    def _tail(self, statistic: float) -> float:
        """Return the size of the tail beyond a statistic: the inverse of `quantile`."""
        from scipy.optimize import brentq
        from scipy.stats import t

        if self.share == 0:
            return float(t.sf(statistic, self.df))
        if statistic <= 0:
            return (
                1.0 if statistic == -math.inf else 1 - self._tail(-statistic) if statistic else 0.5
            )
        if self.quantile(SMALLEST) <= statistic:
            return SMALLEST
        found = brentq(
            lambda x: self.quantile(math.exp(x)) - statistic, math.log(SMALLEST), math.log(0.5)
        )
        return math.exp(found)


@dataclass(frozen=True)
class Parts:
    """A mean over items and training seeds, and where its variance comes from.

    Items and seeds are crossed: every seed's model answers every item. The variance is that of the
    mean over items, plus what the seeds' own means scatter beyond what items explain (the analysis
    of variance of a two-way crossed design; Searle, Casella, McCulloch 1992, chapter 4). Resampling
    a handful of seeds instead would lose 1/seeds of their variance. With two seeds nothing is taken
    off, because one degree of freedom tells too little.

    Attributes:
        runs: The mean of every training seed.
        items: Variance of the overall mean that comes from the items.
        df: Its degrees of freedom.
        noise: Variance of the overall mean from seeds and items acting together.
    """

    runs: tuple[float, ...]
    items: float
    df: float
    noise: float = 0.0

    def scaled(self, factor: float) -> Parts:
        """Multiply the mean."""
        square = factor * factor
        runs = tuple(factor * one for one in self.runs)
        return Parts(runs, square * self.items, self.df, square * self.noise)

    @property
    def seeds(self) -> float:
        """Variance of the overall mean that comes from the seeds; 0 with one, which tells none."""
        import numpy as np

        count = len(self.runs)
        if count < 2:
            return 0.0
        explained = self.noise if count > 2 else 0.0
        return max(0.0, float(np.var(self.runs, ddof=1)) / count - explained)

    def student(self) -> Student:
        """Put the parts together."""
        value, variance = math.fsum(self.runs) / len(self.runs), self.items + self.seeds
        share = self.seeds / variance if variance > 0 else 0.0
        return Student(value, math.sqrt(variance), self.df, share, max(1, len(self.runs) - 1))


def parts_of(rows: Sequence[Sequence[float]], clusters: Sequence[str]) -> Parts:
    """Take a table of seeds by items apart.

    Args:
        rows: Per training seed the values of all items, in one order.
        clusters: What items share; distinct names: independent items.
    """
    import numpy as np

    table = np.asarray(rows, float)
    seeds, n = table.shape
    error = statistics.standard_error(table.mean(axis=0), clusters)
    count, noise = len(set(clusters)), 0.0
    if seeds > 1 and count > 1:
        own = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
        sums = np.stack([statistics.cluster_sums(one, clusters) for one in own])
        square = float((sums**2).sum()) / ((count - 1) * (seeds - 1))
        noise = square * count / (n * n * seeds)
    return Parts(tuple(float(one) for one in table.mean(axis=1)), error**2, count - 1, noise)


def independent(parts: Sequence[Parts]) -> Parts:
    """Add means over different items; the training seeds are the same ones in all."""
    variance = math.fsum(one.items for one in parts)
    squares = math.fsum(one.items**2 / one.df for one in parts if one.df > 0)
    df = variance**2 / squares if squares > 0 else min(one.df for one in parts)
    return Parts(_sums(parts), variance, df, math.fsum(one.noise for one in parts))


def overlapping(parts: Sequence[Parts]) -> Parts:
    """Add means over items that may be the same ones: standard errors add up, the largest case."""
    return Parts(
        _sums(parts),
        math.fsum(math.sqrt(one.items) for one in parts) ** 2,
        min(one.df for one in parts),
        math.fsum(math.sqrt(one.noise) for one in parts) ** 2,
    )


def _sums(parts: Sequence[Parts]) -> tuple[float, ...]:
    return tuple(math.fsum(values) for values in zip(*(one.runs for one in parts), strict=True))
