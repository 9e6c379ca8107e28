"""DPO: the policy learns to prefer chosen over rejected responses (arXiv 2305.18290)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from synthetic_instruction_tuner.methods.lora import LowRank

if TYPE_CHECKING:
    from synthetic_instruction_tuner.methods.losses.objective import Objective


class Config(LowRank):
    """DPO from an SFT adapter; defaults of the study's specification.

    The reference is the adapter named by `start_from` as it was before the first step, or the bare
    base. Its log-probabilities are computed once and kept. rank and alpha count only without
    `start_from`. Dropout is off whatever is set, as in all of TRL's preference trainers.
    """

    label = "DPO"
    what = "prefers the chosen over the rejected answer"
    method: Literal["dpo"] = "dpo"
    data: Literal["sft", "preference"] = "preference"
    epochs: float = Field(default=1, gt=0, le=1000)
    batch_size: int = Field(default=2, ge=1, le=4096)
    learning_rate: float = Field(default=5e-5, gt=0, le=10)
    beta: float = Field(default=0.1, gt=0)
    """How strongly the policy is held to the reference."""

    def objective(self) -> Objective:
        """Return the DPO loss against precomputed reference log-probabilities."""
        from synthetic_instruction_tuner.methods.losses.pairwise import DirectPreference

        return DirectPreference(self.beta)
