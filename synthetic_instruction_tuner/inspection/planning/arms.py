"""Lines of a plan for training: one an arm."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from synthetic_instruction_tuner.config import ModelConfig, StudyConfig
from synthetic_instruction_tuner.inspection.planning.gpus import (
    ANSWER_SHARE,
    CONTEXT_BYTES,
    Gpu,
)
from synthetic_instruction_tuner.inspection.planning.row import (
    Row,
    compute_type,
    halves,
    host_bytes,
)
from synthetic_instruction_tuner.methods import MethodConfig
from synthetic_instruction_tuner.models.memory import footprint
from synthetic_instruction_tuner.models.memory.fitting import Choice, choose
from synthetic_instruction_tuner.models.memory.footprint import Footprint
from synthetic_instruction_tuner.study.design import Design

FREED = "training.gradient_checkpointing=null"
FILES = 4 * (1 + 2 * 3)
"""Bytes a trained parameter on disk: the adapter, and two checkpoints with AdamW's two moments."""


def plan_arms(config: StudyConfig, gpu: Gpu) -> list[Row]:
    """Plan every arm; the student's files are counted with the first."""
    arms = config.training.arms
    rows = [_training(config, arm, gpu, first=arm is arms[0]) for arm in arms]
    if config.training.tuning is not None:
        rows += [row for arm in arms for row in _tuned(config, arm, gpu)]
    return rows


def _tuned(config: StudyConfig, arm: MethodConfig, gpu: Gpu) -> list[Row]:
    """Plan an arm's trials, each with the first seed, and its training with the costliest of them.

    A trial leaves no adapter; the memory is that of the largest.
    """
    one_seed = config.model_copy(update={"seeds": config.seeds[:1]})
    trials = [
        _training(one_seed, trial.arm, gpu, first=False)
        for trial in Design(config).trials(arm.name)
    ]
    largest = max(trials, key=lambda row: row.gpu_bytes)
    longest = max(trials, key=lambda row: row.seconds)
    times = len(config.seeds)
    return [
        replace(
            largest, subject=f"{arm.name}: {len(trials)} trials", disk_bytes=0,
            seconds=sum(row.seconds for row in trials), fits=all(row.fits for row in trials),
        ),
        replace(largest, subject=f"{arm.name}_tuned", seconds=times * longest.seconds),
    ]  # fmt: skip


def _training(config: StudyConfig, arm: MethodConfig, gpu: Gpu, first: bool) -> Row:
    settings = config.training
    cost = _footprint(config, arm, settings.student, gpu)
    way, most = settings.gradient_checkpointing, settings.micro_batch_size
    chosen = choose(cost, arm, settings.max_length, gpu.usable, way, most)
    advice = f"micro-batch {chosen.micro_batch_size}" + (
        ", activations recomputed" if chosen.recompute else ""
    )
    if not chosen.fits:
        advice = _what_fits(config, arm, gpu)
    planned = settings.adapter_of(arm).limits().planned
    if not planned:
        advice = f"estimated as LoRA, {arm.title()} needs the weights' numbers; {advice}"
    operations = cost.total * _operations_a_weight(config, arm, chosen)
    seconds = len(config.seeds) * operations / (gpu.operations * gpu.pace.utilisation)
    written = len(config.seeds) * FILES * cost.trained + (2 * cost.total if first else 0)
    parts = {"weights": cost.weights, "trained": cost.states, "context": CONTEXT_BYTES}
    parts["activations and logits"] = chosen.bytes - cost.weights - cost.states
    return Row(
        "training", arm.name, chosen.bytes + CONTEXT_BYTES, host_bytes(cost.total), seconds,
        written, chosen.fits, advice, cost.total, cost.trained if planned else 0, parts,
    )  # fmt: skip


def _operations_a_weight(config: StudyConfig, arm: MethodConfig, chosen: Choice) -> float:
    """Return two operations a token and pass.

    Passes over a frozen weight are one forwards and one backwards; training it adds one backwards,
    recomputing one forwards, and a reference one forwards over all rows, once.
    """
    share = 1 - config.filtering.validation_share
    pairs = arm.data == "preference"
    rows = share * (2 * config.preference.pairs if pairs else config.filtering.target)
    tokens = rows * config.training.max_length * ANSWER_SHARE
    passes = 2 + int(chosen.recompute) + int(arm.trains_base)
    reference = int(arm.objective().needs_reference)
    return 2 * tokens * (arm.epochs * passes + reference)


def _what_fits(config: StudyConfig, arm: MethodConfig, gpu: Gpu) -> str:
    """Name the settings with which an arm would fit: shorter rows, then four bits, then both."""
    settings = config.training
    students = [(settings.student, "")]
    if settings.student.quantization == "none" and "nf4" in arm.limits().quantizations:
        packed = settings.student.model_copy(update={"quantization": "nf4"})
        students.insert(0, (packed, "training.student.quantization=nf4"))
    lengths = [settings.max_length, *(one for one in halves(settings.max_length) if one >= 128)]
    for length in lengths:
        for student, change in students:
            cost = _footprint(config, arm, student, gpu)
            way = settings.gradient_checkpointing or (None if arm.limits().recomputes else False)
            if choose(cost, arm, length, gpu.usable, way, settings.micro_batch_size).fits:
                shorter = "" if length == settings.max_length else f"training.max_length={length}"
                freed = "" if settings.gradient_checkpointing is not False else FREED
                return "set " + " and ".join(one for one in (change, shorter, freed) if one)
    return "no setting makes it fit; take a smaller student or a larger GPU"


def _footprint(config: StudyConfig, arm: MethodConfig, model: ModelConfig, gpu: Gpu) -> Footprint:
    return _cached(arm, config.training.adapter_of(arm), model, compute_type(model, gpu))


@lru_cache(maxsize=64)
def _cached(
    arm: MethodConfig, adapter: MethodConfig, model: ModelConfig, compute: str
) -> Footprint:
    return footprint.of(arm, model, compute, adapter=adapter)
