"""VeRA: shared random projections, trained scaling vectors only (arXiv 2310.11454)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from synthetic_instruction_tuner.methods import MethodConfig


class Config(MethodConfig):
    """VeRA; rank as in the paper, learning rate as in PEFT's method comparison."""

    method: Literal["vera"] = "vera"
    learning_rate: float = Field(default=1e-3, gt=0, le=10)
    rank: int = Field(default=256, ge=1, le=4096)
    """Rank r of the shared projections."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout on the input of the update."""
    projection_seed: int = 0
    """Seed of the random projections, which are shipped as well."""

    def adapter(self, model: Any) -> Any:
        """Return a `peft.VeraConfig` over all linear layers."""
        from peft import TaskType, VeraConfig

        return VeraConfig(
            task_type=TaskType.CAUSAL_LM,
            r=self.rank,
            vera_dropout=self.dropout,
            target_modules="all-linear",
            projection_prng_key=self.projection_seed,
            save_projection=True,
        )
