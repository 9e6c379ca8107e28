"""KTO: each response is desirable or not, judged against what is usual (arXiv 2402.01306)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from synthetic_instruction_tuner.methods.lora import LowRank

if TYPE_CHECKING:
    from synthetic_instruction_tuner.methods.losses.objective import Objective


class Config(LowRank):
    """KTO; beta 0.1 and equal weights, as TRL's trainer has them.

    Learns from single responses with a verdict: every preference pair gives two, the chosen one
    (desirable) and the rejected one (not). The reference is that of DPO.
    """

    label = "KTO"
    what = "raises good answers and lowers bad ones, one by one"
    method: Literal["kto"] = "kto"
    data: Literal["sft", "preference"] = "preference"
    epochs: float = Field(default=1, gt=0, le=1000)
    batch_size: int = Field(default=8, ge=2, le=4096)
    """Responses a weight update. What is usual is estimated over those of a forward pass."""
    learning_rate: float = Field(default=5e-5, gt=0, le=10)
    beta: float = Field(default=0.1, gt=0)
    """How fast the value of a response saturates."""
    desirable_weight: float = Field(default=1.0, gt=0)
    """Weight of desirable responses (lambda_D)."""
    undesirable_weight: float = Field(default=1.0, gt=0)
    """Weight of undesirable responses (lambda_U)."""

    def objective(self) -> Objective:
        """Return the paper's loss against precomputed reference log-probabilities."""
        from synthetic_instruction_tuner.methods.losses.unpaired import Verdicts

        return Verdicts(self.beta, self.desirable_weight, self.undesirable_weight)
