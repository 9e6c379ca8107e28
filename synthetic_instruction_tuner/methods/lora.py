"""LoRA: low-rank updates of the linear layers (arXiv 2106.09685)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from synthetic_instruction_tuner.methods import MethodConfig
from synthetic_instruction_tuner.methods.adapters.kinds import WHOLE, Limits

if TYPE_CHECKING:
    from transformers import PreTrainedModel

STARTS = ("gaussian", "orthogonal", "mica", "olora", "pissa", "pissa_niter_<number>")
"""How the update may start besides PEFT's default (true)."""
MOVES_BASE = ("olora", "pissa")
"""Starts that take the update's first value out of the weights of the base."""
REFUSED = {
    "eva": "needs passes over the data before the adapter exists",
    "corda": "needs passes over the data before the adapter exists",
    "lora_ga": "needs gradients before the adapter exists",
    "loftq": "replaces the weights of the base, so that what is shipped fits no base",
}
"""Starts of PEFT that are not offered, and why."""


class LowRank(MethodConfig):
    """The settings that LoRA, its variants and what is trained on top of it share.

    All linear layers but the output layer are adapted, as QLoRA found necessary to match full
    fine-tuning (arXiv 2305.14314, section 4), unless `target_modules` names others.
    """

    kind = "LORA"
    rank: int = Field(default=8, ge=1, le=1024)
    """Rank r of the update."""
    alpha: float = Field(default=16, gt=0)
    """Scale: the update is multiplied by alpha / r."""
    dropout: float = Field(default=0.05, ge=0, lt=1)
    """Dropout on the input of the update."""
    target_modules: Literal["all-linear"] | tuple[str, ...] = "all-linear"
    """Names of the layers that are adapted, or all linear ones but the output layer."""
    exclude_modules: tuple[str, ...] = ()
    """Names of layers that are left out."""
    layers_to_transform: tuple[int, ...] = ()
    """Numbers of the blocks whose layers are adapted; none: all."""
    modules_to_save: tuple[str, ...] = ()
    """Names of modules that are trained whole and shipped with the adapter (lm_head, ...)."""
    rank_pattern: dict[str, int] = Field(default={})
    """Rank of single layers by name, where it differs from `rank`."""
    alpha_pattern: dict[str, float] = Field(default={})
    """Alpha of single layers by name, where it differs from `alpha`."""
    init_lora_weights: bool | str = True
    """How the update starts: true (no change at first), false, gaussian, orthogonal, mica, olora,
    pissa or pissa_niter_<number>."""
    use_rslora: bool = False
    """Scale by alpha / sqrt(r) instead (arXiv 2312.03732)."""
    use_dora: bool = False
    """Train magnitude and direction apart (DoRA, arXiv 2402.09353)."""

    neutral = frozenset({
        "target_modules", "exclude_modules", "layers_to_transform", "modules_to_save",
        "rank_pattern", "alpha_pattern", "init_lora_weights", "use_rslora", "use_dora",
    })  # fmt: skip

    @field_validator("init_lora_weights")
    @classmethod
    def _start(cls, value: bool | str) -> bool | str:
        if isinstance(value, bool) or re.fullmatch(r"pissa_niter_[1-9]\d*", value):
            return value
        if value in STARTS:
            return value
        reason = f" ({value!r} {REFUSED[value]})" if value in REFUSED else ""
        raise ValueError(f"allowed: true, false, {', '.join(STARTS)}{reason}")

    @property
    def moves_base(self) -> bool:
        """Whether the start changes the weights of the base, which is undone when it is shipped."""
        return str(self.init_lora_weights).startswith(MOVES_BASE)

    def limits(self) -> Limits:
        """Say which bases the start and DoRA do not go with."""
        if self.moves_base or self.init_lora_weights == "mica":
            return replace(super().limits(), quantizations=WHOLE)
        if self.use_dora:  # PEFT 0.21 takes 8-bit weights' scales away with their norm
            return replace(super().limits(), quantizations=("none", "nf4"))
        return super().limits()

    def options_for(self, model: PreTrainedModel) -> dict[str, object]:
        """Return the fields of a `peft.LoraConfig`."""
        named = self.target_modules
        return {
            "r": self.rank,
            "lora_alpha": self.alpha,
            "lora_dropout": self.dropout,
            "target_modules": named if isinstance(named, str) else list(named),
            "exclude_modules": list(self.exclude_modules) or None,
            "layers_to_transform": list(self.layers_to_transform) or None,
            "modules_to_save": list(self.modules_to_save) or None,
            "rank_pattern": dict(self.rank_pattern),
            "alpha_pattern": dict(self.alpha_pattern),
            "init_lora_weights": self.init_lora_weights,
            "use_rslora": self.use_rslora,
            "use_dora": self.use_dora,
        }


class Config(LowRank):
    """LoRA SFT; defaults of the study's specification."""

    label = "LoRA"
    what = "small low-rank updates of the linear layers"
    method: Literal["lora"] = "lora"
