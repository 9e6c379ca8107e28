"""Correcting p values for the number of comparisons."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p: Sequence[float]) -> list[float]:
    """Correct p values so that the chance of any false claim stays below alpha (Holm 1979).

    Returns:
        Corrected p values, in the order given.
    """
    return _corrected(p, "holm")


def holm_exclusive(
    different: Sequence[float], equivalent: Sequence[float]
) -> tuple[list[float], list[float]]:
    """Correct two tests a comparison together: is there a difference, and is it negligible?

    Their null hypotheses ("none" and "beyond the margin") exclude each other, so that of the 2 m of
    m comparisons at most m are true: Holm's method with the largest number that can be true as its
    factor (Shaffer 1986, Journal of the American Statistical Association 81:826, method S1). The
    chance of any false claim, of either kind, stays below alpha.

    Args:
        different: p of the tests for a difference.
        equivalent: p of the tests for equivalence, in the same order.

    Returns:
        Corrected p values of both.
    """
    import numpy as np

    p, m = np.asarray([*different, *equivalent], float), len(different)
    if len(p) != 2 * m or not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p values lie in 0..1, two a comparison, got {p.tolist()}")
    order = np.argsort(p, kind="stable")
    factors = np.minimum(m, 2 * m - np.arange(2 * m))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(factors * p[order]))
    return corrected[:m].tolist(), corrected[m:].tolist()


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """Correct p values so that the expected share of false claims stays below alpha (1995).

    Returns:
        q values, in the order given.
    """
    return _corrected(p, "fdr_bh")


def _corrected(p: Sequence[float], method: str) -> list[float]:
    from statsmodels.stats.multitest import multipletests

    if any(not 0 <= one <= 1 for one in p):
        raise ValueError(f"p values lie in 0..1, got {list(p)}")
    return [float(one) for one in multipletests(p, method=method)[1]] if len(p) else []
