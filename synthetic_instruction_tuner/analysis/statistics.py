"""Tests, intervals and verdicts for models compared on the same items.

Everything is paired: the unit is an item (or a cluster of items that belong together), and what is
tested is the difference of two models on it. Why: Miller 2024, "Adding error bars to evals",
arXiv 2411.00640.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

Verdict = Literal["better", "worse", "equivalent", "inconclusive"]

BLOCK = 8_000_000
"""Signs drawn at a time, so that large benchmarks stay within some tens of megabytes."""
EXACT_CLUSTERS = 16
"""Up to here all 2**n sign patterns (65,536) are gone through instead of drawn."""


def wilson_interval(successes: int, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """Bound a share, also near 0 and 1 and for few items (Wilson 1927).

    The textbook interval p +- 1.96 SE covers 88 % instead of 95 % at n=50, p=0.9.

    Returns:
        Lower and upper limit of the 1 - alpha interval.

    Raises:
        ValueError: If there are no items, or more successes than items.
    """
    from scipy.stats import binomtest

    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"{successes} successes of {n} items is no share")
    found = binomtest(successes, n).proportion_ci(1 - alpha, method="wilson")
    return float(found.low), float(found.high)


def mcnemar_exact(better: int | np.ndarray, worse: int | np.ndarray) -> float | np.ndarray:
    """Test a paired right/wrong difference: the two-sided sign test on the items that differ.

    Args:
        better: Items only the first model has right; a number or an array.
        worse: Items only the second model has right.

    Returns:
        p, 1 where no item differs.
    """
    import numpy as np
    from scipy.stats import binom

    n, fewer = np.add(better, worse), np.minimum(better, worse)
    return _plain(np.minimum(1.0, 2 * binom.cdf(fewer, n, 0.5)))


def mcnemar_midp(better: Any, worse: Any) -> Any:
    """Test as `mcnemar_exact` does, but count only half of the chance of the observed table.

    The exact test is too careful (simulated error rate about 0.02-0.04 at alpha 0.05); mid-p comes
    close to alpha without exceeding it noticeably (Fagerland, Lydersen, Laake 2013, BMC Medical
    Research Methodology 13:91).

    Args:
        better: Items only the first model has right; a number or an array.
        worse: Items only the second model has right.
    """
    import numpy as np
    from scipy.stats import binom

    n, fewer = np.add(better, worse), np.minimum(better, worse)
    p = 2 * binom.cdf(fewer - 1, n, 0.5) + binom.pmf(fewer, n, 0.5)  # subtracting loses digits
    return _plain(np.minimum(1.0, p))


def tango_interval(better: int, worse: int, n: int, alpha: float = 0.05) -> tuple[float, float]:
    """Bound a paired right/wrong difference by inverting the score test (Tango 1998).

    Fits McNemar's test, and holds where few items differ: percentiles of a bootstrap then exclude
    too much (12 one-sided of 600 items: 9 % instead of 5 % on one side). Statistics in Medicine
    17:891; recommended by Fagerland, Lydersen, Laake 2014, Statistics in Medicine 33:2850.

    Args:
        better: Items only the first model has right.
        worse: Items only the second model has right.
        n: Items in all.
        alpha: Error rate of the two-sided interval.

    Returns:
        Lower and upper limit of first - second.
    """
    from scipy.optimize import brentq
    from scipy.stats import norm

    limit = float(norm.ppf(1 - alpha / 2))

    def excess(difference: float, sign: int) -> float:
        """Tell how far the observed counts are beyond the limit if this were the difference."""
        away = better - worse - n * difference
        return sign * away - limit * _tango_error(better, worse, n, difference)

    observed, aside = (better - worse) / n, 1e-9  # at -1, 0 and 1 the variance itself can be 0
    low = -1.0 if observed == -1 else brentq(excess, -1, observed - aside, (1,))
    high = 1.0 if observed == 1 else brentq(excess, observed + aside, 1, (-1,))
    return float(low), float(high)


def _tango_error(better: int, worse: int, n: int, difference: float) -> float:
    """Standard error of better - worse if the true difference of the shares were this one."""
    linear = (2 * n - better + worse) * difference - better - worse
    constant = -worse * difference * (1 - difference)
    share = (math.sqrt(max(linear**2 - 8 * n * constant, 0)) - linear) / (4 * n)
    return math.sqrt(max(n * (2 * share + difference * (1 - difference)), 0))


def tango_p(better: int, worse: int, n: int, limit: float) -> float:
    """Test one-sided whether a paired right/wrong difference is above a limit (Tango 1998).

    Agrees with `tango_interval`: p is alpha / 2 where the lower limit is this one.
    """
    from scipy.stats import norm

    away, error = better - worse - n * limit, _tango_error(better, worse, n, limit)
    if error == 0:
        return 0.0 if away > 0 else 1.0
    return float(norm.sf(away / error))


def sign_flip(
    deltas: Sequence[float], clusters: Sequence[str], seed: int, draws: int = 10_000
) -> float:
    """Test whether paired differences are centred on 0 by flipping the signs of whole clusters.

    If the two models were exchangeable, each cluster's summed difference could as well have had
    the other sign. With few clusters all sign patterns are gone through and p is exact; with n
    clusters it is never below 2 / 2**n.

    Args:
        deltas: Difference of the two models' scores, one an item.
        clusters: What items share (subject, prompt, template); distinct names: independent items.
        seed: Seed of the drawn patterns.
        draws: How many patterns are drawn; p is then never below 1 / (draws + 1).

    Returns:
        Two-sided p.
    """
    import numpy as np

    sums = cluster_sums(deltas, clusters)
    sums = sums[sums != 0]  # a zero has no sign to flip
    observed = abs(sums.sum()) * (1 - 1e-9)  # equal sums in another order of adding count
    if len(sums) <= EXACT_CLUSTERS:
        patterns = np.arange(2 ** len(sums))[:, None] >> np.arange(len(sums)) & 1
        return float((_flipped(patterns, sums) >= observed).mean())
    generator = np.random.default_rng(seed)
    reached, left = 0, draws
    while left:
        rows = min(left, max(1, BLOCK // len(sums)))
        raw = np.frombuffer(generator.bytes(rows * -(-len(sums) // 8)), dtype=np.uint8)
        patterns = np.unpackbits(raw.reshape(rows, -1), axis=1, count=len(sums))
        reached += int((_flipped(patterns, sums) >= observed).sum())
        left -= rows
    return (1 + reached) / (draws + 1)


def _flipped(patterns: Any, sums: Any) -> Any:
    """Return |sum of the signed values| for each row of 0/1 patterns."""
    return abs(2 * (patterns.astype(float) @ sums) - sums.sum())


def cluster_sums(deltas: Sequence[float], clusters: Sequence[str]) -> Any:
    """Add up the differences within each cluster; an array, one a cluster."""
    import numpy as np

    values = np.asarray(deltas, float)
    if len(values) != len(clusters) or not np.isfinite(values).all():
        raise ValueError("every item needs a finite difference and a cluster")
    _, member = np.unique(np.asarray(clusters), return_inverse=True)
    return np.bincount(member, weights=values) if len(values) else values


def cluster_interval(
    values: Sequence[float], clusters: Sequence[str], alpha: float = 0.05
) -> tuple[float, float]:
    """Bound a mean over items that come in clusters, also when there are few clusters.

    The mean +- t times the cluster-robust standard error, t with one degree of freedom less than
    there are clusters (Cameron, Gelbach and Miller 2008, "Bootstrap-based improvements for
    inference with clustered errors"). Resampling eight clusters and taking percentiles covers
    about 84 % instead of 90 %; this covers 90 %.

    Args:
        values: One an item: scores, or differences of two models.
        clusters: What items share.
        alpha: Error rate of the two-sided interval.

    Returns:
        Lower and upper limit; infinite with a single cluster, which says nothing about the next.
    """
    import numpy as np
    from scipy.stats import t

    mean, count = float(np.mean(values)), len(set(clusters))
    if count < 2:
        return -math.inf, math.inf
    half = float(t.ppf(1 - alpha / 2, count - 1)) * standard_error(values, clusters)
    return mean - half, mean + half


def standard_error(values: Sequence[float], clusters: Sequence[str]) -> float:
    """Estimate the standard error of a mean over items, whose clusters vary as wholes.

    Clusters of one item each give the usual s / sqrt(n).

    Returns:
        The cluster-robust standard error with the factor n / (n - 1); NaN for one cluster.
    """
    import numpy as np

    residuals = cluster_sums(np.asarray(values, float) - np.mean(values), clusters)
    count = len(residuals)
    if count < 2:
        return math.nan
    return math.sqrt(count / (count - 1) * float(residuals @ residuals)) / len(values)


def minimal_detectable_difference(
    standard_error: float, alpha: float = 0.05, power: float = 0.8, clusters: int | None = None
) -> float:
    """Return the smallest true difference that is found with the given power, two-sided.

    (q[1 - alpha/2] + q[power]) standard errors: what an "inconclusive" could have overlooked.

    Args:
        standard_error: Of the observed difference.
        alpha: Error rate.
        power: Chance of finding the difference.
        clusters: Independent clusters; q are then quantiles of Student's t, else of the normal.
    """
    from scipy.stats import norm, t

    known = norm if clusters is None else t(clusters - 1)
    return float((known.ppf(1 - alpha / 2) + known.ppf(power)) * standard_error)


def verdict(delta: float, p: float, p_equivalent: float, alpha: float) -> Verdict:
    """Judge a difference: a missing significance is never called equality.

    Args:
        delta: Observed difference.
        p: Of the test for a difference, corrected for the number of claims that could be made.
        p_equivalent: Of the two one-sided tests (TOST; Schuirmann 1987), corrected likewise.
        alpha: Error rate.

    Raises:
        ValueError: If a number is NaN: what was not measured has no verdict.
    """
    if any(math.isnan(one) for one in (delta, p, p_equivalent)):
        raise ValueError("a difference that was not measured has no verdict")
    if p < alpha:
        return "better" if delta > 0 else "worse"
    return "equivalent" if p_equivalent < alpha else "inconclusive"


def _plain(value: np.ndarray) -> float | np.ndarray:
    return float(value) if value.ndim == 0 else value
