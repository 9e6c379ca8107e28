"""Micro-batch and recomputation chosen so that a training step fits the memory there is."""

from __future__ import annotations

from dataclasses import dataclass

from synthetic_instruction_tuner.methods import MethodConfig
from synthetic_instruction_tuner.models.memory.footprint import Footprint

FRAGMENTATION = 0.05
"""Share of the memory left for the allocator's fragmentation."""
COMFORTABLE = 0.85
"""Share of the usable memory above which activations are recomputed where they can be."""


@dataclass(frozen=True)
class Choice:
    """How an arm is trained on a GPU: what the plan chose.

    Attributes:
        bytes: Peak as PyTorch's allocator counts it.
        fits: Whether that is less than the GPU has.
    """

    micro_batch_size: int
    recompute: bool
    bytes: int
    fits: bool


def choose(
    cost: Footprint,
    arm: MethodConfig,
    length: int,
    usable: int,
    recompute: bool | None = None,
    most: int | None = None,
) -> Choice:
    """Choose micro-batch and recomputation: the whole batch at once, recomputed only if it must be.

    What is not recomputed may fill `COMFORTABLE` of the memory: a plan that is right to a few
    percent must not be what stands between an arm and running out of memory.

    Args:
        cost: Footprint of the arm.
        arm: The arm; a preference pair is two sequences.
        length: Tokens of the longest sequence.
        usable: Bytes there are.
        recompute: What the settings prescribe; None leaves it to the plan.
        most: Largest micro-batch that is allowed, if not the batch.
    """
    width = 2 if arm.data == "preference" else 1
    allowed = [False, True] if arm.limits().recomputes else [False]
    ways = allowed if recompute is None else [recompute]
    size = min(most or arm.batch_size, arm.batch_size)
    while True:
        for way in ways:
            need = cost.step(size * width, length, way, size < arm.batch_size)
            limit = usable if way is ways[-1] else COMFORTABLE * usable
            if need <= limit or (size == 1 and way is ways[-1]):
                return Choice(size, way, need, need <= usable)
        size = max(1, size // 2)
