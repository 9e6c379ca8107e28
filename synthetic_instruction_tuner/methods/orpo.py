"""ORPO: the loss on chosen responses plus the odds ratio of the pair (arXiv 2403.07691)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from synthetic_instruction_tuner.methods.lora import LowRank

if TYPE_CHECKING:
    from synthetic_instruction_tuner.methods.losses.objective import Objective
    from synthetic_instruction_tuner.methods.losses.pairwise import Responses


class Config(LowRank):
    """ORPO with the weight of the odds ratio that the paper uses for Mistral."""

    label = "ORPO"
    what = "learns chosen answers and the odds against rejected ones"
    method: Literal["orpo"] = "orpo"
    data: Literal["sft", "preference"] = "preference"
    epochs: float = Field(default=1, gt=0, le=1000)
    learning_rate: float = Field(default=5e-5, gt=0, le=10)
    beta: float = Field(default=0.1, gt=0)
    """Weight of the odds ratio (lambda in the paper)."""

    def objective(self) -> Objective:
        """Return the loss of equation 6."""
        from synthetic_instruction_tuner.methods.losses.pairwise import ReferenceFree

        return ReferenceFree(self.beta, self._loss)

    def _loss(self, pair: Responses) -> tuple[Any, Any]:
        from torch.nn.functional import logsigmoid

        chosen = pair.chosen / pair.chosen_tokens
        rejected = pair.rejected / pair.rejected_tokens
        ratio = log_odds(chosen) - log_odds(rejected)
        return -chosen - self.beta * logsigmoid(ratio), self.beta * ratio


def log_odds(log_probability: Any) -> Any:
    """Compute log(p / (1 - p)) from log p; p is kept away from 1, where it has no value."""
    import torch

    safe = log_probability.clamp(max=-1e-7)
    return safe - torch.log(-torch.expm1(safe))
