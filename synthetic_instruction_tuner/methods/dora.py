"""DoRA: direction by LoRA, magnitude trained apart (arXiv 2402.09353)."""

from __future__ import annotations

from typing import Literal

from synthetic_instruction_tuner.methods.lora import LowRank


class Config(LowRank):
    """DoRA; everything else as in `lora`, as the paper compares them."""

    label = "DoRA"
    what = "LoRA that learns direction and size apart"
    method: Literal["dora"] = "dora"
    use_dora: Literal[True] = True
