"""The GPUs a plan knows, and the rates it reckons with; what is not measured says so."""

from __future__ import annotations

from dataclasses import dataclass

from synthetic_instruction_tuner.models.memory.fitting import FRAGMENTATION

CONTEXT_BYTES = 600_000_000
"""CUDA context and libraries, outside PyTorch's allocator; an estimate."""
HOST_BYTES = 4_000_000_000
"""Resident size of a process with PyTorch, CUDA and the libraries; an estimate."""
UTILISATION = 0.34
"""Share of the peak rate in training: 8,210 tokens a second of LoRA on Llama-3.2-3B on an A100
(table in https://github.com/pytorch/torchtune/blob/main/README.md) at 4 operations a weight."""
BANDWIDTH_SHARE = 0.5
"""Share of the memory bandwidth that decoding reaches; an estimate."""
STEP_OVERHEAD = 0.03
"""Seconds a decoding step takes at least in eager transformers; an estimate."""
ANSWER_SHARE = 0.4
"""Mean length of a response as a share of max_new_tokens; an estimate."""


@dataclass(frozen=True)
class Gpu:
    """A GPU as its data sheet has it: bytes, dense 16-bit operations and bytes a second.

    Attributes:
        memory: Bytes that `nvidia-smi` shows as total.
        operations: 16-bit operations a second of the tensor cores.
        single: float32 operations a second, as PyTorch computes them by default: without TF32.
        bandwidth: Bytes a second.
        capability: Compute capability; below 8.0 there is no bfloat16.
        host: Bytes of main memory that come with it on Colab; None: not known.
    """

    name: str
    memory: int
    operations: float
    single: float
    bandwidth: float
    capability: tuple[int, int]
    host: float | None = None

    @property
    def compute(self) -> str:
        """The 16-bit type it computes in."""
        return "bfloat16" if self.capability >= (8, 0) else "float16"

    @property
    def usable(self) -> int:
        """Bytes that PyTorch can fill."""
        return int((self.memory - CONTEXT_BYTES) * (1 - FRAGMENTATION))


MIB = 1 << 20
GPUS = {
    gpu.name: gpu
    for gpu in (
        Gpu("T4", 15360 * MIB, 65e12, 8.1e12, 320e9, (7, 5), 12.7e9),
        Gpu("L4", 23034 * MIB, 121e12, 30.3e12, 300e9, (8, 9)),
        Gpu("A100", 40960 * MIB, 312e12, 19.5e12, 1555e9, (8, 0)),
        Gpu("H100", 81559 * MIB, 989e12, 67e12, 3350e9, (9, 0)),
        Gpu("H200", 143771 * MIB, 989e12, 67e12, 4800e9, (9, 0)),
    )
}
"""Data sheets: nvidia.com/en-us/data-center/ tesla-t4, l4, a100, h100, h200 (SXM where both)."""
