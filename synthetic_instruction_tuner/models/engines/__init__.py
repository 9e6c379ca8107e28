"""Engines: what draws tokens from a model, behind one small protocol."""

from __future__ import annotations

import threading
from typing import Literal

from synthetic_instruction_tuner.config import CompletionsConfig, ModelConfig
from synthetic_instruction_tuner.models.engines.protocol import (
    Completion,
    Engine,
    Request,
    stream_seed,
)
from synthetic_instruction_tuner.models.engines.resuming import generate_kept
from synthetic_instruction_tuner.models.memory_errors import free_memory
from synthetic_instruction_tuner.models.rewards import held

EngineName = Literal["transformers", "vllm", "completions"]

_lock = threading.Lock()
_open: dict[str, Engine] = {}


def open_engine(
    model: ModelConfig,
    engine: EngineName = "transformers",
    server: CompletionsConfig | None = None,
) -> Engine:
    """Open the engine of a model; the last one is kept, so that a stage loads its model once.

    Opening another one first lets go of the last: one model in memory at a time.

    Args:
        model: The model.
        engine: What runs it.
        server: The server, for engine "completions".
    """
    held.release()
    key = f"{engine} {model.model_dump_json()}"
    if engine == "completions":
        server = server or CompletionsConfig()
        key += server.model_dump_json()
    with _lock:
        if key not in _open:
            _close()
            _open[key] = _make(model, engine, server)
        return _open[key]


def close_engine() -> None:
    """Let go of the kept engine and the memory of its model."""
    with _lock:
        _close()


def _close() -> None:
    if _open:
        _open.clear()
        free_memory()


def _make(model: ModelConfig, engine: EngineName, server: CompletionsConfig | None) -> Engine:
    if engine == "completions":
        from synthetic_instruction_tuner.models.engines.completions import CompletionsEngine

        assert server is not None
        return CompletionsEngine(model, server)
    if engine == "vllm":
        from synthetic_instruction_tuner.models.engines.vllm import VllmEngine

        return VllmEngine(model)
    from synthetic_instruction_tuner.models import loading
    from synthetic_instruction_tuner.models.engines.transformers_engine import TransformersEngine

    return TransformersEngine(*loading.load_causal(model))


__all__ = [
    "Completion",
    "Engine",
    "Request",
    "close_engine",
    "generate_kept",
    "open_engine",
    "stream_seed",
]
