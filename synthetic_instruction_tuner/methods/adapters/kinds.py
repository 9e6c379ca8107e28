"""What PEFT's kinds of adapter can do here; one that is not listed can do everything.

Measured with PEFT 0.21 on a small Llama: `tests/pipeline/test_adapter_kinds.py` builds, trains,
merges and reloads every kind that the installed PEFT registers, and holds an adapter on a quantised
base against the same on its dequantised weights, where HRA, PEANUT and DEFT are silently wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

QUANTIZATIONS = ("none", "nf4", "int8")
WHOLE = ("none",)


@dataclass(frozen=True)
class Limits:
    """What a method can do.

    Attributes:
        merges: Whether the result can be merged into the weights of the base.
        quantizations: How the base may be held in memory.
        goes_on: Whether what it ships is enough for a later arm to go on from.
        recomputes: Whether activations may be recomputed to save memory (gradient checkpointing).
        planned: Whether PEFT can build it from shapes alone, so that its memory can be planned.
        refused: Why it cannot be trained here; empty if it can.
    """

    merges: bool = True
    quantizations: tuple[str, ...] = QUANTIZATIONS
    goes_on: bool = True
    recomputes: bool = True
    planned: bool = True
    refused: str = ""


LABELS: Mapping[str, str] = {
    "ADALORA": "AdaLoRA",
    "DELORA": "DeLoRA",
    "FOURIERFT": "FourierFT",
    "GRALORA": "GraLoRA",
    "HIRA": "HiRA",
    "LN_TUNING": "Layer norms",
    "LOHA": "LoHa",
    "LOKR": "LoKr",
    "MISS": "MiSS",
    "RANDLORA": "RandLoRA",
    "SHIRA": "SHiRA",
    "VBLORA": "VB-LoRA",
}
"""How kinds are written, where not in capitals."""
_TASKS = "it learns several tasks at once and needs the number of the task with every row"
KINDS: Mapping[str, Limits] = {
    "ADALORA": Limits(goes_on=False),  # its schedule of ranks has come to its end
    "ADAMSS": Limits(quantizations=WHOLE, planned=False),
    "ADAPTION_PROMPT": Limits(merges=False),
    "BEFT": Limits(merges=False),  # trains biases, which the layers of most bases do not have
    "BOFT": Limits(planned=False),
    "CARTRIDGE": Limits(merges=False, recomputes=False),
    "CPT": Limits(refused="it needs to know of every token whether it is input, format or label"),
    "DEFT": Limits(quantizations=WHOLE),
    "DELORA": Limits(quantizations=WHOLE),
    "FROD": Limits(quantizations=WHOLE, planned=False),
    "GLORA": Limits(quantizations=WHOLE),
    "HRA": Limits(quantizations=WHOLE),
    "LILY": Limits(merges=False),
    "LOHA": Limits(quantizations=("none", "int8")),
    "LOKR": Limits(quantizations=("none", "int8")),
    "MULTITASK_PROMPT_TUNING": Limits(refused=_TASKS),
    "OSF": Limits(quantizations=WHOLE),
    "PEANUT": Limits(quantizations=WHOLE),
    "POLY": Limits(refused=_TASKS),
    "PREFIX_TUNING": Limits(merges=False, goes_on=False, recomputes=False),
    "PROMPT_TUNING": Limits(merges=False),
    "PSOFT": Limits(quantizations=WHOLE),
    "P_TUNING": Limits(merges=False, goes_on=False),
    "SHADOW": Limits(refused="it adds a loss of its own to what would be reported as the loss"),
    "SHIRA": Limits(planned=False),
    "SUPERTUNING": Limits(quantizations=WHOLE),
    "TINYLORA": Limits(quantizations=WHOLE),
    "UNILORA": Limits(quantizations=WHOLE, planned=False),
    "VBLORA": Limits(planned=False),
    "WAVEFT": Limits(planned=False),
    "XLORA": Limits(refused="it mixes adapters that were trained before"),
}
"""By PEFT's name of the kind (`peft.PeftType`)."""


def limits_of(kind: str) -> Limits:
    """Return what a kind of adapter can do."""
    return KINDS.get(kind.upper(), Limits())
