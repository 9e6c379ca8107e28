"""Adapters from a folder: looked at before PEFT opens it, and compared with what was attached."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.errors import StageError

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
_NAME = re.compile(r"(\.\*\\\.)?([\w.-]|\\[.-]){1,200}")
"""A name, or the form that PEFT itself writes for fused experts: `.*\\.gate_up_proj`."""
_NAMED = ("target_modules", "exclude_modules", "layers_pattern", "feedforward_modules")
"""Settings by which PEFT finds layers: it matches a text as a pattern against every name."""
_PATTERNS = ("rank_pattern", "alpha_pattern")


def attach(model: Any, folder: Path) -> Any:
    """Return a PeftModel of a model with the adapter in a folder.

    Raises:
        StageError: If the folder holds a pickle, no tensors, tensors that are not the adapter's, or
            patterns in place of names.
    """
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    check(folder)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Found missing adapter keys")  # an error below
        wrapped = PeftModel.from_pretrained(model, folder)
        warnings.filterwarnings("ignore", ".*LoRA tensor.* have invalid shape")  # AdaLoRA's rank 0
        wanted = set(get_peft_model_state_dict(wrapped, save_embedding_layers=False))
    with safe_open(folder / WEIGHTS, "pt") as file:
        missing = sorted(wanted - set(file.keys()))
    if missing:
        raise StageError(
            f"{folder}: {len(missing)} of the adapter's {len(wanted)} tensors are not in "
            f"{WEIGHTS}, {missing[0]!r} first: train it again"
        )
    return wrapped


def check(folder: Path) -> None:
    """Refuse what PEFT would open or match without a bound.

    Raises:
        StageError: Names the file or the setting.
    """
    if not (folder / WEIGHTS).is_file():
        raise StageError(
            f"{folder} holds no {WEIGHTS}: pickled adapters (adapter_model.bin) are never opened"
        )
    try:
        settings = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        patterns = [key for name in _PATTERNS for key in settings.get(name) or {}]
        for name in _NAMED:
            given = settings.get(name) or []
            patterns += [given] if isinstance(given, str) else list(given)
    except (OSError, ValueError, RecursionError, AttributeError, TypeError) as error:
        raise StageError(f"{folder / CONFIG} is no adapter's configuration: {error}") from error
    strange = next((one for one in patterns if not _NAME.fullmatch(str(one))), None)
    if strange is not None:
        raise StageError(
            f"{folder / CONFIG} finds layers by the pattern {str(strange)[:60]!r}; only names, "
            r"alone or after '.*\.', are matched here, which takes bounded time"
        )
