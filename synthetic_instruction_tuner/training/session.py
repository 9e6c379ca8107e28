"""One session of a training process: load, prepare, train, save."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from synthetic_instruction_tuner.methods.losses.objective import Reference
from synthetic_instruction_tuner.models import loading
from synthetic_instruction_tuner.models.binding import bind_student
from synthetic_instruction_tuner.models.memory import footprint
from synthetic_instruction_tuner.models.memory.fitting import FRAGMENTATION, choose
from synthetic_instruction_tuner.models.memory.measure import Memory
from synthetic_instruction_tuner.storage.files import digest
from synthetic_instruction_tuner.training import (
    build,
    data,
    parallel,
    reference,
    result,
    starts,
    trackers,
)
from synthetic_instruction_tuner.training.data import Rows
from synthetic_instruction_tuner.training.job import Job
from synthetic_instruction_tuner.training.loop import Loop
from synthetic_instruction_tuner.training.parallel import Group
from synthetic_instruction_tuner.training.state import Emit, Interrupted

logger = logging.getLogger(__name__)


def train(job: Job, emit: Emit, stop: Callable[[], bool]) -> None:
    """Train an arm from wherever it stands to its end, and write adapter and `run.json`."""
    import torch

    emit("phase", name="load")
    if job.training.threads:
        torch.set_num_threads(job.training.threads)
    group = parallel.join(loading.resolve_device(), job.training.processes)
    device, memory = group.device, Memory()
    objective = job.arm.objective()
    with memory.phase("load"):
        tokenizer = loading.load_tokenizer(job.training.student)
        chat = bind_student(
            tokenizer, job.training.student.family, loading.load_end_ids(job.training.student)
        )
        rows = data.encode(objective.read(job.data), chat, job.training.max_length)
        _tell(rows, job.training.max_length, group)
        settled, planned = settle(job, rows, group, emit)
        place = "cpu" if group.size > 1 and job.training.strategy == "fsdp" else device
        steps = rows.order(job).steps
        model = build.adapt(settled, build.load_base(settled, place), steps)
        if group.main:
            starts.keep(job, model)
        trainer = build.build_trainer(settled, model, tokenizer, rows.train[0], objective, device)
        loop = Loop(settled, trainer, rows, objective, None, memory, emit, stop, group)
    loop.emit = trackers.following(job, loop.accelerator, emit)
    if objective.needs_reference:
        with memory.phase("reference"):
            loop.reference = _reference(job, loop, rows, tokenizer)
    emit("phase", name="train")
    try:
        state = loop.run()
    except Interrupted:  # a session that ends may take its machine's disk with it
        loop.keeper.close(keep=True)
        raise
    conditions = {"chat_template": chat.layout, "planned_bytes": planned}
    model = result.gather(job, loop)
    if group.main:
        result.save(job, loop, state, chat, model, conditions)
    loop.keeper.close(keep=False)
    trackers.end(loop.accelerator)


def _tell(rows: Rows, max_length: int, group: Group) -> None:
    if group.main and rows.too_long + rows.alike:
        logger.warning(
            "%d rows are longer than training.max_length=%d tokens and left out (cut, they would "
            "teach not to stop), %d pairs because their responses are equal; %d are left",
            rows.too_long,
            max_length,
            rows.alike,
            len(rows.train) + len(rows.validation),
        )


def settle(job: Job, rows: Rows, group: Group, emit: Emit) -> tuple[Job, int | None]:
    """Fill in what the settings leave to the memory plan.

    Returns:
        The job with micro-batch and recomputation decided, and the bytes that the plan expects on
        the GPU; None where nothing was planned, on a CPU.
    """
    import torch

    settings, planned, device = job.training, None, group.device
    share = math.ceil(job.arm.batch_size / group.size)
    micro, recompute = min(settings.micro_batch_size or share, share), False
    if device != "cpu":
        student = settings.student
        compute = build.precision(student, device).compute
        cost = footprint.of(job.arm, student, compute, adapter=job.adapter)
        if group.size > 1 and settings.strategy == "fsdp":
            cost = replace(cost, weights=cost.weights // group.size)
        length = max(row.length for row in (*rows.train, *rows.validation))
        least = -group.largest([-torch.cuda.mem_get_info()[0]])[0]
        free = int(least * (1 - FRAGMENTATION))
        chosen = choose(cost, job.arm, length, free, settings.gradient_checkpointing, micro)
        micro, recompute, planned = chosen.micro_batch_size, chosen.recompute, chosen.bytes
        emit("notice", text=f"plan: {planned / 1e9:.1f} GB of {free / 1e9:.1f} GB free")
    decided = settings.gradient_checkpointing
    update = {
        "micro_batch_size": micro,
        "gradient_checkpointing": recompute if decided is None else decided,
    }
    return job.model_copy(update={"training": settings.model_copy(update=update)}), planned


def _reference(job: Job, loop: Loop, rows: Rows, tokenizer: Any) -> Reference:
    compute = build.precision(job.training.student, loop.accelerator.device.type).compute
    name = reference.key(job, rows, digest(tokenizer.chat_template), compute)
    stored = reference.read(job.cache, name) if loop.group.main else None
    if loop.group.first(stored is not None):
        return stored or reference.load(job.cache, name)
    loop.emit("phase", name="reference")
    everything = [*rows.train, *rows.validation]
    scores = zip(everything, loop.score(everything), strict=True)
    values = {row.id: (chosen, rejected) for row, (chosen, rejected) in scores}
    if loop.group.main:
        reference.store(job.cache, name, values)
    return values
