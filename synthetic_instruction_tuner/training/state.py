"""Where a training run stands: what a checkpoint holds besides tensors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from synthetic_instruction_tuner.models.memory.measure import Peaks

Emit = Callable[..., None]
"""Receives an event's name and its fields."""


class Interrupted(Exception):
    """The process was asked to end; a checkpoint was written."""


@dataclass
class State:
    """Progress, figures and settings found on the way.

    Attributes:
        step: Finished weight updates.
        seconds: Time of the updates alone, over all sessions.
        session_seconds: Wall time of all sessions up to the checkpoint.
        tokens: Tokens that went through the updates, padding not counted.
        loss_tokens: Those that the loss counts on.
        curve: Points of the loss curve.
        pending: Losses since the last point.
        evaluations: Evaluations so far.
        peaks: Peak memory by phase.
        resumed: How often the run went on from a checkpoint.
        micro_batch_size: Rows a forward pass; halved when memory runs out.
        scaler: State of the float16 loss scaler.
        hooks: What the method's hooks remember besides tensors.
    """

    step: int = 0
    seconds: float = 0.0
    session_seconds: float = 0.0
    tokens: int = 0
    loss_tokens: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)
    pending: list[dict[str, float]] = field(default_factory=list)
    evaluations: list[dict[str, float]] = field(default_factory=list)
    peaks: Peaks = field(default_factory=dict)
    resumed: int = 0
    micro_batch_size: int = 1
    scaler: dict[str, float] = field(default_factory=dict)
    hooks: dict[str, object] = field(default_factory=dict)

    def draw_point(self, epoch: float, learning_rate: float) -> None:
        """Add the means since the last point to the curve."""
        pending, self.pending = self.pending, []
        means = {key: math.fsum(one[key] for one in pending) / len(pending) for key in pending[0]}
        place = {"step": self.step, "epoch": epoch, "learning_rate": learning_rate}
        self.curve.append(place | means)
