"""What an arm costs, and whether one costs less than another beyond the scatter of measuring."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COSTS = {
    "train_memory": "Peak training memory",
    "chain_seconds": "Training time",
    "trained_parameters": "Trained parameters",
    "adapter_bytes": "Adapter file",
}
"""Costs by their name in the efficiency table."""
EXACT = ("trained_parameters", "adapter_bytes")
"""Costs that are counted, not timed: every training gives the same."""
COUNTED_TIE = 0.01
"""Relative difference below which counted costs are called equal."""
SINGLE_TIE = 0.10
"""The same for costs that were measured once: the scatter of one training is not known, and times
of equal work differ by some percent on a machine that does nothing else."""
ALPHA = 0.05
"""Error rate of calling a repeatedly measured cost lower (Welch's t test, one-sided)."""


@dataclass(frozen=True)
class Cost:
    """One cost of one arm.

    Attributes:
        runs: What every training (one a seed) cost.
        exact: Whether it is counted instead of measured.
    """

    runs: tuple[float, ...]
    exact: bool = False

    @property
    def mean(self) -> float:
        """Mean over the trainings."""
        return math.fsum(self.runs) / len(self.runs)

    def is_below(self, other: Cost) -> bool:
        """Whether this cost is lower than another by more than their scatter."""
        from scipy.stats import ttest_ind

        if self.mean >= other.mean:
            return False
        several = min(len(self.runs), len(other.runs)) > 1
        if several and not self.exact and len({*self.runs}) + len({*other.runs}) > 2:
            found = ttest_ind(self.runs, other.runs, equal_var=False, alternative="less")
            return bool(found.pvalue < ALPHA)
        tie = COUNTED_TIE if self.exact or several else SINGLE_TIE
        return self.mean < (1 - tie) * other.mean


def single(efficiency: Mapping[str, Any], name: str) -> float | None:
    """Read one cost from a row of the efficiency table."""
    if name == "train_memory":
        return (efficiency.get("memory") or {}).get("train")
    value = efficiency.get(name)
    return None if value is None else float(value)


def cost_of(row: Mapping[str, Any], name: str) -> Cost | None:
    """Read a cost with its repetitions ("repeated", by cost) from a row; None: not measured."""
    own = single(row, name)
    if own is None:
        return None
    runs = row.get("repeated", {}).get(name) or [own]
    return Cost(tuple(runs), name in EXACT)
