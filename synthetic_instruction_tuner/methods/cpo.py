"""CPO: DPO without a reference, held to the chosen responses by their loss (arXiv 2401.08417)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from synthetic_instruction_tuner.methods.lora import LowRank

if TYPE_CHECKING:
    from synthetic_instruction_tuner.methods.losses.objective import Objective
    from synthetic_instruction_tuner.methods.losses.pairwise import Responses


class Config(LowRank):
    """CPO with the beta of the paper."""

    label = "CPO"
    what = "prefers without a reference, held to chosen answers"
    method: Literal["cpo"] = "cpo"
    data: Literal["sft", "preference"] = "preference"
    epochs: float = Field(default=1, gt=0, le=1000)
    learning_rate: float = Field(default=5e-5, gt=0, le=10)
    beta: float = Field(default=0.1, gt=0)
    """Scale of the reward, the log-probability of a response."""

    def objective(self) -> Objective:
        """Return the loss of equation 5, its second term a mean over tokens."""
        from synthetic_instruction_tuner.methods.losses.pairwise import ReferenceFree

        return ReferenceFree(self.beta, self._loss)

    def _loss(self, pair: Responses) -> tuple[Any, Any]:
        from torch.nn.functional import logsigmoid

        margin = self.beta * (pair.chosen - pair.rejected)
        return -logsigmoid(margin) - pair.chosen / pair.chosen_tokens, margin
