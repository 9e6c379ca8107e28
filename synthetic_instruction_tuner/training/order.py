"""Which rows come when, and how fast is learned: pure functions of the seed and the step.

A run that was interrupted asks the same functions for the rest, so nothing about order or learning
rate has to be saved but the number of finished steps.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from synthetic_instruction_tuner.models.engines.protocol import stream_seed

Item = TypeVar("Item")

WINDOW = 16
"""Batches that are sorted by length together: enough to save most padding, few enough to mix."""


@dataclass(frozen=True)
class Order:
    """The order in which rows are learned from.

    Attributes:
        lengths: Tokens of every row; rows of like length share a batch, which saves padding.
        batch_size: Rows a weight update.
        epochs: Passes over all rows; 1.5 ends in the middle of the second.
        seed: Seed of the run.
    """

    lengths: tuple[int, ...]
    batch_size: int
    epochs: float
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Weight updates a pass, the last one with the rows that are left."""
        return math.ceil(len(self.lengths) / self.batch_size)

    @property
    def steps(self) -> int:
        """Weight updates of the whole run."""
        return max(1, math.ceil(self.epochs * self.steps_per_epoch))

    def batch(self, step: int) -> tuple[int, ...]:
        """Return the rows of update `step` (0, 1, 2, ...), longest first."""
        epoch, position = divmod(step, self.steps_per_epoch)
        return _epoch(self.lengths, self.batch_size, self.seed, epoch)[position]

    def ends_epoch(self, step: int) -> bool:
        """Tell whether a pass, or the run, is complete after `step` updates."""
        return step == self.steps or (step > 0 and step % self.steps_per_epoch == 0)


@lru_cache(maxsize=2)
def _epoch(
    lengths: tuple[int, ...], batch_size: int, seed: int, epoch: int
) -> tuple[tuple[int, ...], ...]:
    """Shuffle rows, sort windows by length, cut batches, shuffle the batches."""
    draw = random.Random(stream_seed("order", seed, epoch))
    rows = list(range(len(lengths)))
    draw.shuffle(rows)
    batches = []
    for window in _cut(rows, WINDOW * batch_size):
        window = sorted(window, key=lambda row: -lengths[row])
        batches += [tuple(batch) for batch in _cut(window, batch_size)]
    draw.shuffle(batches)
    return tuple(batches)


def _cut(rows: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def micro_batches(rows: Sequence[Item], size: int) -> list[Sequence[Item]]:
    """Cut a batch into the parts that go through the model one after another."""
    return _cut(rows, size)


def rate(step: int, steps: int, warmup_share: float, schedule: str) -> float:
    """Return the share of the peak learning rate at update `step` (0, 1, 2, ...).

    The warm-up rises linearly and reaches 1 with its last update; then the rate falls to 0 along a
    half cosine (arXiv 1608.03983, without restarts) or a line, or stays.
    """
    warmup = math.ceil(warmup_share * steps)
    if step < warmup:
        return (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * progress))
    if schedule == "linear":
        return 1 - progress
    return 1.0
