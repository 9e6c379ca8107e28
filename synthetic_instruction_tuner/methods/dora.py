"""DoRA: direction by LoRA, magnitude trained apart (arXiv 2402.09353)."""

from __future__ import annotations

from typing import Any, Literal

from synthetic_instruction_tuner.methods.lora import LowRank, low_rank


class Config(LowRank):
    """DoRA; everything else as in `lora`, as the paper compares them."""

    method: Literal["dora"] = "dora"

    quantizations = ("none", "nf4")  # PEFT 0.21 takes 8-bit weights' scales away with their norm

    def adapter(self, model: Any) -> Any:
        """Return a `peft.LoraConfig` with weight decomposition."""
        return low_rank(self, use_dora=True)
