"""SimPO: mean log-probability as reward, with a target margin, no reference (arXiv 2405.14734)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from synthetic_instruction_tuner.methods.lora import LowRank

if TYPE_CHECKING:
    from synthetic_instruction_tuner.methods.losses.objective import Objective
    from synthetic_instruction_tuner.methods.losses.pairwise import Responses


class Config(LowRank):
    """SimPO; beta of the paper, gamma half of it as its authors' code advises to start with."""

    label = "SimPO"
    what = "prefers by mean log-probability, without a reference"
    method: Literal["simpo"] = "simpo"
    data: Literal["sft", "preference"] = "preference"
    epochs: float = Field(default=1, gt=0, le=1000)
    learning_rate: float = Field(default=5e-5, gt=0, le=10)
    beta: float = Field(default=2.0, gt=0)
    """Scale of the reward, the mean log-probability of a token."""
    gamma: float = Field(default=1.0, ge=0)
    """Margin by which the chosen reward should exceed the rejected one."""

    def objective(self) -> Objective:
        """Return the loss of equation 6."""
        from synthetic_instruction_tuner.methods.losses.pairwise import ReferenceFree

        return ReferenceFree(self.beta, self._loss)

    def _loss(self, pair: Responses) -> tuple[Any, Any]:
        from torch.nn.functional import logsigmoid

        chosen = self.beta * pair.chosen / pair.chosen_tokens
        rejected = self.beta * pair.rejected / pair.rejected_tokens
        return -logsigmoid(chosen - rejected - self.gamma), chosen - rejected
