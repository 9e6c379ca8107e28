"""Rank-stabilised LoRA: the update is scaled by alpha / sqrt(r) (arXiv 2312.03732)."""

from __future__ import annotations

from typing import Any, Literal

from synthetic_instruction_tuner.methods.lora import LowRank, low_rank


class Config(LowRank):
    """rsLoRA; everything but the scaling as in `lora`, so that the two differ in nothing else."""

    method: Literal["rslora"] = "rslora"

    def adapter(self, model: Any) -> Any:
        """Return a `peft.LoraConfig` with rank-stabilised scaling."""
        return low_rank(self, use_rslora=True)
