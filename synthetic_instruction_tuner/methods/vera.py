"""VeRA: shared random projections, trained scaling vectors only (arXiv 2310.11454)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from synthetic_instruction_tuner.methods import MethodConfig

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Config(MethodConfig):
    """VeRA; rank as in the paper, learning rate as in PEFT's method comparison."""

    label = "VeRA"
    what = "fixed random projections, trained scales"
    method: Literal["vera"] = "vera"
    learning_rate: float = Field(default=1e-3, gt=0, le=10)
    rank: int = Field(default=256, ge=1, le=4096)
    """Rank r of the shared projections."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout on the input of the update."""
    projection_seed: int = 0
    """Seed of the random projections, which are shipped as well."""

    kind = "VERA"

    def options_for(self, model: PreTrainedModel) -> dict[str, object]:
        """Return the fields of a `peft.VeraConfig` over all linear layers."""
        return {
            "r": self.rank,
            "vera_dropout": self.dropout,
            "projection_prng_key": self.projection_seed,
            "save_projection": True,
        }
