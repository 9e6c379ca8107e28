"""One session of a training process: load, prepare, train, save."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.files import digest, write_json
from synthetic_instruction_tuner.models import loading
from synthetic_instruction_tuner.records import TrainingRun
from synthetic_instruction_tuner.training import (
    build,
    card,
    data,
    footprint,
    measure,
    plan,
    reference,
    templates,
)
from synthetic_instruction_tuner.training.data import Rows
from synthetic_instruction_tuner.training.job import Job
from synthetic_instruction_tuner.training.loop import Loop
from synthetic_instruction_tuner.training.measure import Memory
from synthetic_instruction_tuner.training.objective import Reference
from synthetic_instruction_tuner.training.state import Emit, State

RESULT = "final"
"""Folder of the adapter inside the artifact."""
RUN = "run.json"
"""File of the `TrainingRun`; written last, so its presence means that training is complete."""


def train(job: Job, emit: Emit, stop: Callable[[], bool]) -> None:
    """Train an arm from wherever it stands to its end, and write adapter and `run.json`."""
    import torch

    emit("phase", name="load")
    if job.training.threads:
        torch.set_num_threads(job.training.threads)
    device = loading.resolve_device()
    memory = Memory()
    objective = job.arm.objective()
    with memory.phase("load"):
        tokenizer = loading.load_tokenizer(job.training.student)
        template = templates.ensure_template(tokenizer, job.training.student.family)
        rows = data.encode(objective.read(job.data), tokenizer, job.training.max_length)
        job, planned = settle(job, rows, device, emit)
        model = build.adapt(job, build.load_base(job, device))
        trainer = build.build_trainer(job, model, tokenizer, rows.train[0], objective, device)
        loop = Loop(job, trainer, rows, objective, None, memory, emit, stop)
    if objective.needs_reference:
        with memory.phase("reference"):
            loop.reference = _reference(job, loop, rows, tokenizer)
    emit("phase", name="train")
    state = loop.run()
    _save(job, loop, state, tokenizer, {"chat_template": template, "planned_bytes": planned})


def settle(job: Job, rows: Rows, device: str, emit: Emit) -> tuple[Job, int | None]:
    """Fill in what the settings leave to the memory plan.

    Returns:
        The job with micro-batch and recomputation decided, and the bytes that the plan expects on
        the GPU; None where nothing was planned, on a CPU.
    """
    import torch

    settings, planned = job.training, None
    micro, recompute = settings.micro_batch_size or job.arm.batch_size, False
    if device != "cpu":
        student = settings.student
        cost = footprint.of(job.arm, student, build.precision(student, device).compute)
        bounded = job.arm.model_copy(update={"batch_size": min(micro, job.arm.batch_size)})
        length = max(row.length for row in (*rows.train, *rows.validation))
        free = int(torch.cuda.mem_get_info()[0] * (1 - plan.FRAGMENTATION))
        chosen = plan.choose(cost, bounded, length, free, settings.gradient_checkpointing)
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

    def pass_over_all() -> Reference:
        loop.emit("phase", name="reference")
        everything = [*rows.train, *rows.validation]
        return {
            row.id: (chosen, rejected)
            for row, (chosen, rejected) in zip(everything, loop.score(everything), strict=True)
        }

    return reference.load_or_compute(job.cache, name, pass_over_all)


def _save(job: Job, loop: Loop, state: State, tokenizer: Any, conditions: dict[str, Any]) -> None:
    """Write the adapter with tokenizer and card, then `run.json` as the sign of completion."""
    folder = job.folder / RESULT
    model = loop.trainer.accelerator.unwrap_model(loop.model)
    model.eval()
    options = {} if job.arm.trains_base else {"save_embedding_layers": False}
    model.save_pretrained(folder, **options)
    _order_names(folder / "adapter_config.json")
    tokenizer.save_pretrained(folder)
    run = _run(job, loop, state, conditions)
    (folder / "README.md").write_text(card.render(job, run), encoding="utf-8")
    write_json(job.folder / RUN, asdict(run))


def _order_names(path: Path) -> None:
    """Sort the module names that PEFT keeps in sets: their order differs between processes."""
    if not path.is_file():  # full training ships a model of its own
        return
    settings = json.loads(path.read_text(encoding="utf-8"))
    for name, value in settings.items():
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            settings[name] = sorted(value)
    write_json(path, settings)


def _run(job: Job, loop: Loop, state: State, conditions: dict[str, Any]) -> TrainingRun:
    folder = job.folder / RESULT
    model = loop.trainer.accelerator.unwrap_model(loop.model)
    return TrainingRun(
        subject=job.subject,
        method=getattr(job.arm, "method", ""),
        seed=job.seed,
        examples=len(loop.rows.train),
        steps=state.step,
        epochs=job.arm.epochs,
        trained_parameters=measure.trained_parameters(model),
        shipped_parameters=measure.shipped_parameters(folder),
        total_parameters=measure.total_parameters(model),
        adapter_bytes=measure.weight_bytes(folder),
        train_seconds=loop.watch.seconds,
        tokens_per_second=state.tokens / loop.watch.seconds,
        peak_memory_bytes=loop.memory.peaks,
        curve=state.curve,
        evaluations=state.evaluations,
        conditions=conditions | _conditions(job, loop, state),
        resumed=state.resumed,
    )


def _conditions(job: Job, loop: Loop, state: State) -> dict[str, Any]:
    import torch

    device = loop.accelerator.device.type
    name = torch.cuda.get_device_name() if device == "cuda" else platform.machine()
    student = job.training.student
    model = loop.trainer.accelerator.unwrap_model(loop.model)
    return {
        "device": f"{device}: {name}",
        "precision": build.precision(student, device).compute,
        "quantization": student.quantization,
        "attention": getattr(model.config, "_attn_implementation", None),
        "threads": torch.get_num_threads(),
        "micro_batch_size": state.micro_batch_size,
        "gradient_checkpointing": bool(job.training.gradient_checkpointing),
        "max_length": job.training.max_length,
        "data": job.data_identity,
        "train_rows": len(loop.rows.train),
        "validation_rows": len(loop.rows.validation),
        "truncated_rows": loop.rows.truncated,
        "dropped_rows": loop.rows.dropped,
        "tokens": state.tokens,
        "seed": job.seed,
        "session_seconds": round(loop.session_seconds(), 3),
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Return the versions of the libraries that training depends on."""
    from importlib.metadata import version

    packages = ("torch", "transformers", "peft", "trl", "accelerate", "bitsandbytes")
    return {name: version(name) for name in packages} | {"python": platform.python_version()}
