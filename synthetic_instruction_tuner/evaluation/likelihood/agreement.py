"""Does the fast scorer agree with lm-evaluation-harness? Asked in every run, on a sample.

The fast scorer is used only if it does. Plain scoring is no exact measure either: its own numbers
move when the batch size changes. So that scatter, measured on the same model, is what the fast
scorer's differences are held against. Errors add up token by token: both count by the token.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from synthetic_instruction_tuner.evaluation.likelihood.batching import Answer

SAMPLE = 16
"""Items scored twice at least, besides the longest and the shortest of every group."""

FACTOR = 4.0
"""Times its own scatter that plain scoring may differ from the fast scorer: the largest of some
sixty differences says little about the tail, and two scorers scatter more than one."""

STEP = {"float32": 2e-6, "float16": 8e-3, "bfloat16": 6e-2}
"""Least scatter a token that is reckoned with, in nats: half the distance of neighbouring numbers
around 16, where logits are, and where kernels give each row the same whatever its neighbours."""


@dataclass(frozen=True)
class Agreement:
    """What the comparison found.

    Attributes:
        items: Items compared.
        requests: Requests compared.
        largest: Largest difference of the two scorers, in nats a token of a continuation.
        scatter: Largest difference of plain scoring from itself with one request at a time.
        tolerance: The largest difference a token allowed.
        changed: Items whose best choice differs, and requests whose greedy flag differs or that
            one scorer gave no number. What plain scoring changes by itself does not count.
        used: The scorer that is used from here on: "fast" or "plain".
    """

    items: int
    requests: int
    largest: float
    scatter: float
    tolerance: float
    changed: int
    used: str

    def as_json(self) -> dict[str, Any]:
        """Return the values for the result's measurements."""
        return asdict(self)


def sample(lengths: Sequence[Sequence[int]], count: int = SAMPLE) -> list[list[int]]:
    """Choose items by group: the longest, which a window or a limit may cut, and the shortest.

    Beside the longest item the shortest has most to bridge between the group's shared prefix and
    its own text; a single item would show neither. Further ones are spread over all items.

    Args:
        lengths: Tokens of every item, by group.
        count: Items in all, if there are as many.

    Returns:
        Places within every group.

    >>> sample([[5, 9, 7, 4], [3], []], 4)
    [[0, 1, 3], [0], []]
    """
    chosen = [
        {sizes.index(max(sizes)), sizes.index(min(sizes))} if sizes else set() for sizes in lengths
    ]
    rest = [
        (group, place)
        for group, sizes in enumerate(lengths)
        for place in range(len(sizes))
        if place not in chosen[group]
    ]
    missing = min(max(count - sum(map(len, chosen)), 0), len(rest))
    for number in range(missing):
        group, place = rest[number * len(rest) // missing]
        chosen[group].add(place)
    return [sorted(places) for places in chosen]


@dataclass(frozen=True)
class Sampled:
    """An item of the sample with the answers of all scorers.

    Attributes:
        tokens: Tokens of every choice.
        fast: Answers of the fast scorer.
        plain: Answers of lm-eval's scorer.
        again: lm-eval's answers to one request at a time, if it was asked for them.
    """

    tokens: Sequence[int]
    fast: Sequence[Answer]
    plain: Sequence[Answer]
    again: Sequence[Answer] | None = None

    @property
    def difference(self) -> float:
        """Largest difference a token between the scorers."""
        return _apart(self.fast, self.plain, self.tokens)

    @property
    def scatter(self) -> float:
        """Largest difference a token of plain scoring from itself."""
        return 0.0 if self.again is None else _apart(self.again, self.plain, self.tokens)

    @property
    def changed(self) -> int:
        """Choices and greedy flags of the fast scorer that plain scoring never gives."""
        plainly = [self.plain] if self.again is None else [self.plain, self.again]
        flags = sum(
            one.greedy not in {answers[place].greedy for answers in plainly}
            or not math.isfinite(one.logprob - self.plain[place].logprob)
            for place, one in enumerate(self.fast)
        )
        return flags + (_best(self.fast) not in {_best(answers) for answers in plainly})


def compare(items: Sequence[Sampled], precision: str) -> Agreement:
    """Hold the fast scorer's answers against lm-eval's.

    Args:
        items: The sample; none where there is no fast scorer.
        precision: Compute type of the model.
    """
    scatter = max((item.scatter for item in items), default=0.0)
    largest = max((item.difference for item in items), default=0.0)
    changed = sum(item.changed for item in items)
    tolerance = FACTOR * max(scatter, STEP.get(precision, STEP["float32"]))
    used = "fast" if items and largest <= tolerance and changed == 0 else "plain"
    requests = sum(len(item.fast) for item in items)
    return Agreement(len(items), requests, largest, scatter, tolerance, changed, used)


def _apart(ours: Sequence[Answer], theirs: Sequence[Answer], tokens: Sequence[int]) -> float:
    differences = (
        abs(one.logprob - other.logprob) / count
        for one, other, count in zip(ours, theirs, tokens, strict=True)
    )
    # NaN compares false with everything; `changed` counts it, so that it never passes.
    return max((one for one in differences if math.isfinite(one)), default=0.0)


def _best(answers: Sequence[Answer]) -> int:
    return max(range(len(answers)), key=lambda place: answers[place].logprob)
