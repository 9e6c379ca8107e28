"""The scorer that is kept in memory between pieces of work: one at a time."""

from __future__ import annotations

import threading

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.models.memory_errors import free_memory
from synthetic_instruction_tuner.models.rewards.model import RewardModel

_lock = threading.Lock()
_open: dict[str, RewardModel] = {}


def open_scorer(model: ModelConfig, format_name: str = "auto") -> RewardModel:
    """Open a model that scores answers; the last one is kept, so that chunks load it once."""
    key = f"{format_name} {model.model_dump_json()}"
    with _lock:
        if key not in _open:
            _close()
            _open[key] = RewardModel.load(model, format_name)
        return _open[key]


def release() -> None:
    """Let go of the kept scorer and the memory of its model."""
    with _lock:
        _close()


def _close() -> None:
    if _open:
        _open.clear()
        free_memory()
