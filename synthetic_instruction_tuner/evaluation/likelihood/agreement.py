"""Does the fast scorer agree with lm-evaluation-harness? Asked in every run, on a sample.

The fast scorer is used only if it does. Both numbers are kept in the result's measurements.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from synthetic_instruction_tuner.evaluation.likelihood.scoring import Answer

SAMPLE = 16
"""Items scored twice: pairs of neighbours, spread evenly over the benchmark."""

TOLERANCE = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 2e-1}
"""Largest difference of a log-likelihood. In half precision plain scoring itself moves by as much
when the batch size changes (8 bits of mantissa at logits around 16 are steps of 1/8)."""


@dataclass(frozen=True)
class Agreement:
    """What the comparison found.

    Attributes:
        requests: Requests compared.
        largest: Largest absolute difference of a log-likelihood.
        changed: Items whose best choice differs, and requests whose greedy flag differs or that
            one scorer gave no number.
        tolerance: The largest difference allowed.
        used: The scorer that is used from here on: "fast" or "plain".
    """

    items: int
    requests: int
    largest: float
    changed: int
    tolerance: float
    used: str

    def as_json(self) -> dict[str, Any]:
        """Return the values for the result's measurements."""
        return asdict(self)


def sample(sizes: Sequence[int], count: int = SAMPLE) -> list[list[int]]:
    """Choose items by group: pairs of neighbours, because what a group's items share must be seen.

    A prefix that all items of a group have in common is read once for them; a single item of the
    group would not show whether that is right.

    Args:
        sizes: Items of every group.
        count: Items in all, if there are as many.

    Returns:
        Places within every group.

    >>> sample([5, 1, 9], 6)
    [[0, 1, 4], [], [0, 1, 4, 5]]
    """
    pairs = [
        (group, tuple(range(start, min(start + 2, size))))
        for group, size in enumerate(sizes)
        for start in range(0, size, 2)
    ]
    wanted = min(-(-count * len(pairs) // max(sum(sizes), 1)), len(pairs))
    chosen = [pairs[index * len(pairs) // wanted] for index in range(wanted)]
    return [
        [place for where, places in chosen if where == group for place in places]
        for group in range(len(sizes))
    ]


def compare(
    fast: Sequence[Sequence[Answer]], plain: Sequence[Sequence[Answer]], precision: str
) -> Agreement:
    """Compare two scorers' answers, item by item.

    Args:
        fast: Answers of the fast scorer, by item.
        plain: Answers of lm-eval's scorer, in the same order.
        precision: Compute type of the model.
    """
    tolerance = TOLERANCE.get(precision, TOLERANCE["float32"])
    largest, changed, requests = 0.0, 0, 0
    for ours, theirs in zip(fast, plain, strict=True):
        requests += len(ours)
        for one, other in zip(ours, theirs, strict=True):
            difference = abs(one.logprob - other.logprob)
            # NaN compares false with everything: it must not pass for agreement.
            known = math.isfinite(difference)
            largest = max(largest, difference) if known else largest
            changed += one.greedy != other.greedy or not known
        changed += _best(ours) != _best(theirs)
    agrees = largest < tolerance and changed == 0
    used = "fast" if agrees else "plain"
    return Agreement(len(fast), requests, largest, changed, tolerance, used)


def _best(answers: Sequence[Answer]) -> int:
    return max(range(len(answers)), key=lambda place: answers[place].logprob)
