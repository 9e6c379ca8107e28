"""What a study will need, before anything runs: memory, disk, time and money, and what fits.

Memory follows from the models' real code on the meta device (`footprint`). Times are rooflines
with the rates of `gpus` and are marked as estimates wherever they are shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from synthetic_instruction_tuner.config import ModelConfig, SamplingConfig, StudyConfig
from synthetic_instruction_tuner.training import footprint
from synthetic_instruction_tuner.training.fitting import choose
from synthetic_instruction_tuner.training.footprint import Footprint
from synthetic_instruction_tuner.training.gpus import (
    ANSWER_SHARE,
    BANDWIDTH_SHARE,
    CONTEXT_BYTES,
    FRAGMENTATION,
    GPUS,
    HOST_BYTES,
    ITEMS,
    STEP_OVERHEAD,
    UTILISATION,
    Gpu,
)
from synthetic_instruction_tuner.training.method import MethodConfig

__all__ = ["FRAGMENTATION", "GPUS", "Gpu", "Row", "choose", "plan", "unplanned"]


@dataclass(frozen=True)
class Row:
    """One stage of a plan.

    Attributes:
        gpu_bytes: Peak on the GPU, context included.
        host_bytes: Peak on the host.
        seconds: Estimated time.
        disk_bytes: What it downloads and writes.
        fits: Whether GPU and host have the memory.
        advice: Which setting makes it fit, or how it was made to fit.
        parameters: Parameters of the model, adapter included.
        trained: Parameters that are trained.
        parts: What `gpu_bytes` is made of, in bytes.
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


def plan(config: StudyConfig, gpu: Gpu) -> list[Row]:
    """Plan every stage of a study that loads a language model."""
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
                    config.filtering.target, preference.batch_size, gpu,
                )
            )  # fmt: skip
    arms = config.training.arms
    rows += [_training(config, arm, gpu, first=arm is arms[0]) for arm in arms]
    if config.evaluation.benchmarks:
        rows.append(_evaluation(config, gpu))
    return [_on_host(row, gpu) for row in rows]


def _on_host(row: Row, gpu: Gpu) -> Row:
    if gpu.host is None or row.host_bytes <= gpu.host:
        return row
    return replace(row, fits=False, advice=f"needs a machine with more memory than {gpu.name}'s")


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

    def needs(size: int, held: int) -> dict[str, int]:
        return {
            "weights": held,
            "cache": size * longest * _cache_bytes(shape),
            "logits": size * shape.vocab_size * 4,
            "context": CONTEXT_BYTES,
        }

    made = needs(batch, weights)
    steps = ANSWER_SHARE * longest * -(-draws // batch)
    read = weights + made["cache"] / 2
    step = max(STEP_OVERHEAD, read / (gpu.bandwidth * BANDWIDTH_SHARE))
    packed = _base(model.model_copy(update={"quantization": "nf4"}), gpu)[0]
    options = [(f"{stage}.batch_size={size}", needs(size, weights)) for size in _halves(batch)]
    options += [(f"quantization=nf4 and {stage}.batch_size=1", needs(1, packed))]
    fits, advice = _verdict(made, options, gpu)
    return Row(
        stage, subject, sum(made.values()), _host(parameters), steps * step, 2 * parameters,
        fits, advice, parameters, 0, made,
    )  # fmt: skip


def _evaluation(config: StudyConfig, gpu: Gpu) -> Row:
    """Plan scoring the base; every arm takes the same, an adapter more.

    The largest tensors are the logits of a batch of the longest requests, in 16 bits and, for
    their softmax, in 32: so the harness's own scoring has them, which checks ours.
    """
    settings, student = config.evaluation, config.training.student
    weights, shape, parameters = _base(student, gpu)

    def needs(size: int) -> dict[str, int]:
        tokens = size * settings.max_length
        return {
            "weights": weights,
            "cache": tokens * _cache_bytes(shape),
            "logits": tokens * shape.vocab_size * 6,
            "context": CONTEXT_BYTES,
        }

    made = needs(settings.batch_size)
    options = [
        (f"evaluation.batch_size={size}", needs(size)) for size in _halves(settings.batch_size)
    ]
    fits, advice = _verdict(made, options, gpu)
    subjects = 1 + len(config.training.arms) * len(config.seeds)
    seconds = _evaluated_tokens(config) * subjects * 2 * parameters
    return Row(
        "evaluation", f"{subjects} models", sum(made.values()), _host(parameters),
        seconds / (gpu.operations * UTILISATION), 0, fits, advice, parameters, 0, made,
    )  # fmt: skip


def _evaluated_tokens(config: StudyConfig) -> float:
    """Estimate the tokens of one model's benchmarks; those not in the table are left out."""
    total = 0.0
    for one in config.evaluation.benchmarks:
        items, tokens = ITEMS.get(one.name, (0, 0))
        total += min(items, one.items or items) * tokens * (1 + (one.num_fewshot or 0))
    return total


def unplanned(config: StudyConfig) -> list[str]:
    """Name what a study runs and a plan leaves out of its hours."""
    names = {one.name for one in config.evaluation.benchmarks} - set(ITEMS)
    reward = any(arm.data == "preference" for arm in config.training.arms)
    return [*sorted(names), *(["the reward model"] if reward else []), "loading and downloads"]


def _verdict(
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


def _halves(size: int) -> list[int]:
    return [size >> by for by in range(1, size.bit_length())]


def _training(config: StudyConfig, arm: MethodConfig, gpu: Gpu, first: bool) -> Row:
    """Plan an arm; the student's files are counted with the first."""
    settings = config.training
    cost = _footprint(arm, settings.student, gpu)
    way, most = settings.gradient_checkpointing, settings.micro_batch_size
    chosen = choose(cost, arm, settings.max_length, gpu.usable, way, most)
    rows, width = _rows(config, arm)
    tokens = rows * arm.epochs * width * settings.max_length * ANSWER_SHARE
    passes = 6 if chosen.recompute or arm.trains_base else 4
    seconds = len(config.seeds) * tokens * passes * cost.total / (gpu.operations * UTILISATION)
    advice = f"micro-batch {chosen.micro_batch_size}" + (
        ", activations recomputed" if chosen.recompute else ""
    )
    if not chosen.fits:
        advice = _what_fits(config, arm, gpu)
    written = len(config.seeds) * 4 * cost.trained * (1 + 2 * 3) + (2 * cost.total if first else 0)
    parts = {"weights": cost.weights, "trained": cost.states, "context": CONTEXT_BYTES}
    parts["activations and logits"] = chosen.bytes - cost.weights - cost.states
    return Row(
        "training", arm.name, chosen.bytes + CONTEXT_BYTES, _host(cost.total), seconds, written,
        chosen.fits, advice, cost.total, cost.trained, parts,
    )  # fmt: skip


def _what_fits(config: StudyConfig, arm: MethodConfig, gpu: Gpu) -> str:
    """Name the settings with which an arm would fit: shorter rows, then four bits, then both."""
    settings = config.training
    students = [(settings.student, "")]
    if settings.student.quantization == "none" and "nf4" in arm.quantizations:
        packed = settings.student.model_copy(update={"quantization": "nf4"})
        students.insert(0, (packed, "training.student.quantization=nf4"))
    lengths = [settings.max_length, *(one for one in _halves(settings.max_length) if one >= 128)]
    for length in lengths:
        for student, change in students:
            cost = _footprint(arm, student, gpu)
            way = settings.gradient_checkpointing or (None if arm.recomputes else False)
            if choose(cost, arm, length, gpu.usable, way, settings.micro_batch_size).fits:
                shorter = "" if length == settings.max_length else f"training.max_length={length}"
                freed = "" if settings.gradient_checkpointing is not False else FREED
                return "set " + " and ".join(one for one in (change, shorter, freed) if one)
    return "no setting makes it fit; take a smaller student or a larger GPU"


FREED = "training.gradient_checkpointing=null"


@lru_cache(maxsize=64)
def _footprint_of(arm: str, model: str, compute: str) -> Footprint:
    from pydantic import TypeAdapter

    from synthetic_instruction_tuner.config import ArmConfig

    held: Any = TypeAdapter(ArmConfig).validate_json(arm)
    return footprint.of(held, ModelConfig.model_validate_json(model), compute)


def _footprint(arm: MethodConfig, model: ModelConfig, gpu: Gpu) -> Footprint:
    return _footprint_of(arm.model_dump_json(), model.model_dump_json(), _compute(model, gpu))


def _compute(model: ModelConfig, gpu: Gpu) -> str:
    """Return the type of the layers; both 16-bit types take the same, so one is measured."""
    wanted = gpu.compute if model.dtype == "auto" else model.dtype
    return "float32" if wanted == "float32" else "bfloat16"


def _rows(config: StudyConfig, arm: MethodConfig) -> tuple[float, int]:
    share = 1 - config.filtering.validation_share
    if arm.data == "preference":
        return share * config.preference.pairs, 2
    return share * config.filtering.target, 1


def _base(model: ModelConfig, gpu: Gpu) -> tuple[int, Any, int]:
    """Return the bytes of a model in memory, its shape, and its parameters."""
    return _base_of(model.model_dump_json(), _compute(model, gpu))


@lru_cache(maxsize=64)
def _base_of(model: str, compute: str) -> tuple[int, Any, int]:
    import torch

    from synthetic_instruction_tuner.training import measure

    settings = ModelConfig.model_validate_json(model)
    dtype = getattr(torch, compute)
    base = footprint.meta_model(settings, dtype)
    weights, _ = footprint.base_bytes(base, settings.quantization, dtype.itemsize)
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
