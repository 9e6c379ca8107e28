"""What a study will need, before anything runs: memory, time and money on a GPU, and what fits.

Memory follows from the models' real code on the meta device (`footprint`). Times are rooflines
with the rates below and are marked as estimates wherever they are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from synthetic_instruction_tuner.config import ModelConfig, SamplingConfig, StudyConfig
from synthetic_instruction_tuner.training import footprint
from synthetic_instruction_tuner.training.footprint import Footprint
from synthetic_instruction_tuner.training.method import MethodConfig

CONTEXT_BYTES = 600_000_000
"""CUDA context and libraries, outside PyTorch's allocator; an estimate."""
FRAGMENTATION = 0.05
"""Share of the memory left for the allocator's fragmentation."""
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
        capability: Compute capability; below 8.0 there is no bfloat16.
    """

    name: str
    memory: int
    operations: float
    bandwidth: float
    capability: tuple[int, int]

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
        Gpu("T4", 15360 * MIB, 65e12, 320e9, (7, 5)),
        Gpu("L4", 23034 * MIB, 121e12, 300e9, (8, 9)),
        Gpu("A100", 40960 * MIB, 312e12, 1555e9, (8, 0)),
        Gpu("H100", 81559 * MIB, 989e12, 3350e9, (9, 0)),
        Gpu("H200", 143771 * MIB, 989e12, 4800e9, (9, 0)),
    )
}
"""Data sheets: nvidia.com/en-us/data-center/ tesla-t4, l4, a100, h100, h200 (SXM where both)."""


@dataclass(frozen=True)
class Choice:
    """How an arm is trained on a GPU: what the plan chose.

    Attributes:
        bytes: Peak as PyTorch's allocator counts it.
        fits: Whether that is less than the GPU has.
    """

    micro_batch_size: int
    recompute: bool
    bytes: int
    fits: bool


@dataclass(frozen=True)
class Row:
    """One stage of a plan.

    Attributes:
        gpu_bytes: Peak on the GPU, context included.
        host_bytes: Peak on the host.
        seconds: Estimated time.
        disk_bytes: What it downloads or writes.
        advice: Which setting makes it fit, or how it was made to fit.
    """

    stage: str
    subject: str
    gpu_bytes: int
    host_bytes: int
    seconds: float
    disk_bytes: int
    fits: bool
    advice: str


def choose(
    cost: Footprint, arm: MethodConfig, length: int, usable: int, recompute: bool | None = None
) -> Choice:
    """Choose micro-batch and recomputation: the whole batch at once, recomputed only if it must be.

    Args:
        cost: Footprint of the arm.
        arm: The arm; a preference pair is two sequences.
        length: Tokens of the longest sequence.
        usable: Bytes there are.
        recompute: What the settings prescribe; None leaves it to the plan.
    """
    width = 2 if arm.data == "preference" else 1
    allowed = [False, True] if arm.recomputes else [False]
    ways = allowed if recompute is None else [recompute]
    size = arm.batch_size
    while True:
        for way in ways:
            need = cost.step(size * width, length, way)
            if need <= usable or (size == 1 and way is ways[-1]):
                return Choice(size, way, need, need <= usable)
        size = max(1, size // 2)


def plan(config: StudyConfig, gpu: Gpu) -> list[Row]:
    """Plan every stage of a study that loads a model."""
    generation, preference = config.generation, config.preference
    rows = []
    if generation.source is None and generation.engine != "completions":
        tokens = (generation.instruction, generation.response)
        rows.append(
            _sampling(
                "generation", "teacher", generation.teacher, tokens, generation.draws,
                generation.batch_size, gpu,
            )
        )  # fmt: skip
    if any(arm.data == "preference" for arm in config.training.arms):
        for one in preference.responders:
            rows.append(
                _sampling(
                    "preference", one.name, one.model or config.training.student, (one.sampling,),
                    config.filtering.target,
                    preference.batch_size, gpu,
                )
            )  # fmt: skip
    rows += [_training(config, arm, gpu) for arm in config.training.arms]
    return rows


def _sampling(
    stage: str,
    subject: str,
    model: ModelConfig,
    parts: tuple[SamplingConfig, ...],
    draws: int,
    batch: int,
    gpu: Gpu,
) -> Row:
    """Plan drawing: weights, the cache of keys and values, and memory-bound decoding."""
    weights, shape, parameters = _base(model, gpu)
    longest = sum(part.max_new_tokens for part in parts)
    cache = batch * longest * _cache_bytes(shape)
    need = weights + cache + batch * shape.vocab_size * 4 + CONTEXT_BYTES
    steps = ANSWER_SHARE * longest * -(-draws // batch)
    step = max(STEP_OVERHEAD, (weights + cache / 2) / (gpu.bandwidth * BANDWIDTH_SHARE))
    fits = need <= gpu.memory * (1 - FRAGMENTATION)
    return Row(
        stage, subject, int(need), _host(parameters), steps * step, 2 * parameters, fits,
        "" if fits else f"lower {stage}.batch_size or set quantization: nf4",
    )  # fmt: skip


def _training(config: StudyConfig, arm: MethodConfig, gpu: Gpu) -> Row:
    settings = config.training
    cost = footprint.of(arm, settings.student, gpu.compute)
    limit = settings.micro_batch_size
    bounded = arm.model_copy(update={"batch_size": min(limit, arm.batch_size)}) if limit else arm
    chosen = choose(cost, bounded, settings.max_length, gpu.usable, settings.gradient_checkpointing)
    rows, width = _rows(config, arm)
    tokens = rows * arm.epochs * width * settings.max_length * ANSWER_SHARE
    passes = 6 if chosen.recompute or arm.trains_base else 4
    seconds = tokens * passes * cost.total / (gpu.operations * UTILISATION)
    advice = f"micro-batch {chosen.micro_batch_size}" + (
        ", activations recomputed" if chosen.recompute else ""
    )
    if not chosen.fits:
        advice = "lower training.max_length, or set training.student.quantization: nf4"
    written = 4 * cost.trained * (1 + 2 * 3)
    return Row(
        "training", arm.name, chosen.bytes + CONTEXT_BYTES, _host(cost.total), seconds, written,
        chosen.fits, advice,
    )  # fmt: skip


def _rows(config: StudyConfig, arm: MethodConfig) -> tuple[float, int]:
    share = 1 - config.filtering.validation_share
    if arm.data == "preference":
        return share * config.preference.pairs, 2
    return share * config.filtering.target, 1


def _base(model: ModelConfig, gpu: Gpu) -> tuple[int, Any, int]:
    import torch

    from synthetic_instruction_tuner.training import measure

    dtype = getattr(torch, gpu.compute)
    base = footprint.meta_model(model, dtype)
    weights, _ = footprint.base_bytes(base, model.quantization, dtype.itemsize)
    return weights, base.config.get_text_config(), measure.total_parameters(base)


def _cache_bytes(shape: Any) -> int:
    """Return the bytes of keys and values of one token, in 16 bits."""
    size = getattr(shape, "head_dim", None) or shape.hidden_size // shape.num_attention_heads
    return int(2 * shape.num_hidden_layers * shape.num_key_value_heads * size * 2)


def _host(parameters: int) -> int:
    """Weights are read tensor by tensor; the largest is the vocabulary's, under a gigabyte or two.

    What the operating system caches of the files can be taken back and is not counted.
    """
    return HOST_BYTES + min(2_000_000_000, 2 * parameters)
