"""The GPUs a plan knows, and the rates it reckons with; what is not measured says so."""

from __future__ import annotations

from dataclasses import dataclass

from synthetic_instruction_tuner.models.memory.fitting import FRAGMENTATION

CONTEXT_BYTES = 600_000_000
"""CUDA context and libraries, outside PyTorch's allocator; an estimate."""
HOST_BYTES = 4_000_000_000
"""Resident size of a process with PyTorch, CUDA and the libraries; an estimate."""
BANDWIDTH_SHARE = 0.5
"""Share of the memory bandwidth that decoding reaches; an estimate."""
ANSWER_SHARE = 0.4
"""Mean length of a response as a share of max_new_tokens; an estimate."""


@dataclass(frozen=True)
class Pace:
    """How much of a GPU's rates a run gets: a plan gives its hours for the best and a slow one.

    Attributes:
        utilisation: Share of the peak rate in training and scoring.
        step: Seconds a decoding step takes at least, whatever the GPU.
        unpacks: Whether 4-bit weights are written out in 16 bits and read again at every step of
            several rows, as bitsandbytes' `MatMul4Bit` does where no fused kernel serves.
    """

    utilisation: float
    step: float
    unpacks: bool


BEST = Pace(utilisation=0.34, step=0.03, unpacks=False)
"""Utilisation: 8,210 tokens a second of LoRA on Llama-3.2-3B on an A100 (table in
https://github.com/pytorch/torchtune/blob/main/README.md) at 4 operations a weight. The step of
eager transformers is an estimate."""
SLOW = Pace(utilisation=0.09, step=0.13, unpacks=True)
"""What an earlier public run of this study got with Trainer and `generate`
(https://github.com/CY-HYUN/Synthetic-Instruction-Tuner): on an A100, 900 rows (taken as 400 tokens)
for three epochs of LoRA on Llama-3.2-3B in 8.2 minutes, and 7.7 tokens a second written one
answer at a time."""


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
        pace: How much of these rates a run gets.
    """

    name: str
    memory: int
    operations: float
    single: float
    bandwidth: float
    capability: tuple[int, int]
    host: float | None = None
    pace: Pace = BEST

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
        Gpu("A10G", 23028 * MIB, 70e12, 35e12, 600e9, (8, 6)),
        Gpu("L4", 23034 * MIB, 121e12, 30.3e12, 300e9, (8, 9)),
        Gpu("RTX4090", 24564 * MIB, 165.2e12, 82.6e12, 1008e9, (8, 9)),
        Gpu("RTX3090", 24576 * MIB, 71e12, 35.6e12, 936e9, (8, 6)),
        Gpu("RTX5090", 32607 * MIB, 209.5e12, 104.8e12, 1792e9, (12, 0)),
        Gpu("A100", 40960 * MIB, 312e12, 19.5e12, 1555e9, (8, 0)),
        Gpu("L40S", 46068 * MIB, 362e12, 91.6e12, 864e9, (8, 9)),
        Gpu("H100", 81559 * MIB, 989e12, 67e12, 3350e9, (9, 0)),
        Gpu("H200", 143771 * MIB, 989e12, 67e12, 4800e9, (9, 0)),
        Gpu("MI300X", 196592 * MIB, 1307e12, 163.4e12, 5300e9, (9, 4)),
    )
}
"""By memory. Data sheets: nvidia.com/en-us/data-center/ tesla-t4, l4, l40s, a100, h100, h200 (SXM
where both); NVIDIA's white papers on GA102, Ada and RTX Blackwell (16 bits with sums in 32); AWS's
page of G5 instances for the A10G; AMD's data sheet of the Instinct MI300X, on which nothing of this
project was tried. A GPU's memory is what `nvidia-smi` or `rocm-smi` shows."""
