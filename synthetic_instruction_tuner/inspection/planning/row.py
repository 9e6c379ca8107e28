"""One line of a plan, and what every line is made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.inspection.planning.gpus import (
    BANDWIDTH_SHARE,
    CONTEXT_BYTES,
    HOST_BYTES,
    Gpu,
)
from synthetic_instruction_tuner.models.memory import footprint


@dataclass(frozen=True)
class Row:
    """One stage of a plan.

    Attributes:
        gpu_bytes: Peak on the GPU, context included.
        host_bytes: Peak on the host.
        seconds: Estimated time at best (`gpus.BEST`).
        disk_bytes: What it downloads and writes.
        fits: Whether GPU and host have the memory.
        advice: Which setting makes it fit, or how it was made to fit.
        parameters: Parameters of the model, adapter included.
        trained: Parameters that are trained.
        parts: What `gpu_bytes` is made of, in bytes.
        slow_seconds: Estimated time of a slow run (`gpus.SLOW`).
    """

    stage: str
    subject: str
    gpu_bytes: int
    host_bytes: int
    seconds: float
    disk_bytes: int
    fits: bool
    advice: str
    parameters: int
    trained: int = 0
    parts: Mapping[str, int] = field(default_factory=dict)
    slow_seconds: float = 0.0


@dataclass(frozen=True)
class Base:
    """A model before it is loaded.

    Attributes:
        weights: Bytes in memory.
        shape: Its transformers configuration, of the text model.
        parameters: Parameters, tied ones once.
        working: Parameters without the table of token embeddings, which costs no arithmetic.
        packed: Whether the weights are held in 4 bits.
    """

    weights: int
    shape: Any
    parameters: int
    working: int
    packed: bool

    def cache(self, tokens: int) -> int:
        """Return the bytes of keys and values of so many tokens, in 16 bits."""
        shape = self.shape
        size = getattr(shape, "head_dim", None) or shape.hidden_size // shape.num_attention_heads
        return tokens * int(2 * shape.num_hidden_layers * shape.num_key_value_heads * size * 2)

    def decoding(self, rows: int, columns: int) -> dict[str, int]:
        """Return what drawing takes: weights, the cache of keys and values, and logits."""
        return {
            "weights": self.weights,
            "cache": self.cache(rows * columns),
            "logits": rows * self.shape.vocab_size * 4,
            "context": CONTEXT_BYTES,
        }

    def decoding_step(self, rows: int, columns: int, gpu: Gpu) -> float:
        """Return the seconds of one token a row: everything in memory is read once.

        At best a step of several rows reads 4-bit weights as they are, too (the fused kernel of
        bitsandbytes/backends/cuda/ops.py, since 0.50); else they are written out in 16 bits and
        read again.
        """
        unpacked = 2 * 2 * self.parameters if self.packed and gpu.pace.unpacks and rows > 1 else 0
        moved = self.weights + unpacked + self.cache(rows * columns) / 2
        return max(gpu.pace.step, moved / (gpu.bandwidth * BANDWIDTH_SHARE))


def base_of(model: ModelConfig, gpu: Gpu, scores: bool = False) -> Base:
    """Describe a model.

    Args:
        model: Which, and how it is loaded.
        gpu: Where.
        scores: Whether it is a reward model: one number a sequence.
    """
    return _cached(model, compute_type(model, gpu), scores)


@lru_cache(maxsize=64)
def _cached(model: ModelConfig, compute: str, scores: bool) -> Base:
    import torch

    from synthetic_instruction_tuner.models.memory import measure

    dtype = getattr(torch, compute)
    base = footprint.meta_model(model, dtype, scores)
    weights, _ = footprint.base_bytes(base, model.quantization, dtype.itemsize)
    parameters = measure.total_parameters(base)
    embedded = base.get_input_embeddings().weight
    tied = getattr(base.get_output_embeddings(), "weight", None) is embedded
    working = parameters - (0 if tied else embedded.numel())
    packed = model.quantization == "nf4"
    return Base(weights, base.config.get_text_config(), parameters, working, packed)


def compute_type(model: ModelConfig, gpu: Gpu) -> str:
    """Return the type of the layers; both 16-bit types take the same, so one stands for both."""
    wanted = gpu.compute if model.dtype == "auto" else model.dtype
    return "float32" if wanted == "float32" else "bfloat16"


def verdict(
    made: Mapping[str, int], options: list[tuple[str, dict[str, int]]], gpu: Gpu
) -> tuple[bool, str]:
    """Tell whether a need fits, and if not the first setting with which it would."""
    limit = gpu.usable + CONTEXT_BYTES
    if sum(made.values()) <= limit:
        return True, ""
    for setting, other in options:
        if sum(other.values()) <= limit:
            return False, f"set {setting}"
    return False, "no setting makes it fit; take a smaller model or a larger GPU"


def halves(size: int) -> list[int]:
    """Return what is left of a size halved once, twice, ... down to 1."""
    return [size >> by for by in range(1, size.bit_length())]


def host_bytes(parameters: int) -> int:
    """Weights are read tensor by tensor; the largest is the vocabulary's, under a gigabyte or two.

    What the operating system caches of the files can be taken back and is not counted.
    """
    return HOST_BYTES + min(2_000_000_000, 2 * parameters)
