"""Does the fast scorer agree with lm-evaluation-harness? Asked in every run, on a sample.

The fast scorer is used only if it does. Both numbers are kept in the result's measurements.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from synthetic_instruction_tuner.evaluation.scoring import Answer

SAMPLE = 16
"""Items scored twice, spread evenly over the benchmark."""

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


def spread(total: int, count: int = SAMPLE) -> list[int]:
    """Return positions spread evenly over so many items.

    >>> spread(10, 4)
    [0, 2, 5, 7]
    """
    count = min(count, total)
    return [index * total // count for index in range(count)]


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
