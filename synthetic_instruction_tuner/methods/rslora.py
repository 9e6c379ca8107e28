"""Rank-stabilised LoRA: the update is scaled by alpha / sqrt(r) (arXiv 2312.03732)."""

from __future__ import annotations

from typing import Literal

from synthetic_instruction_tuner.methods.lora import LowRank


class Config(LowRank):
    """rsLoRA; everything but the scaling as in `lora`, so that the two differ in nothing else."""

    label = "rsLoRA"
    what = "LoRA scaled so that high ranks learn as well"
    method: Literal["rslora"] = "rslora"
    use_rslora: Literal[True] = True
