"""What a finished run leaves: the adapter with tokenizer and card, and `run.json`."""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.models import shipping
from synthetic_instruction_tuner.models.chat import Chat
from synthetic_instruction_tuner.models.memory import measure
from synthetic_instruction_tuner.records import TrainingRun
from synthetic_instruction_tuner.storage import claims
from synthetic_instruction_tuner.storage.files import list_files, sync, write_json
from synthetic_instruction_tuner.storage.processes import process_name
from synthetic_instruction_tuner.training import build, card, parallel, starts
from synthetic_instruction_tuner.training.job import Job
from synthetic_instruction_tuner.training.loop import Loop
from synthetic_instruction_tuner.training.state import State

RESULT = "final"
"""Folder of the adapter inside the artifact."""
RUN = "run.json"
"""File of the `TrainingRun`; written last, so its presence means that training is complete."""


def gather(job: Job, loop: Loop) -> Any:
    """Return the trained model for the main process; all processes call this.

    Where the weights are spread over processes, what was trained is put into a model of its own on
    the CPU, so that every method is saved by the same code.
    """
    import torch

    if not parallel.is_sharded(loop.parameters.values()):
        return loop.accelerator.unwrap_model(loop.model)
    trained = {name: parallel.whole(one) for name, one in loop.parameters.items()}
    if not loop.group.main:
        return None
    model = build.adapt(job, build.load_base(job, "cpu"), loop.order.steps)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in trained:
                parameter.data = trained[name]
    return model


def save(
    job: Job, loop: Loop, state: State, chat: Chat, model: Any, conditions: dict[str, Any]
) -> None:
    """Write the adapter with tokenizer and card, then `run.json` as the sign of completion.

    They are made in a folder of this process's own: one that is held up, and overtaken, has nothing
    open then that another puts into the artifact.
    """
    folder = job.folder / RESULT
    claims.check(folder)
    own = job.work / f"{RESULT}.{process_name()}"
    shutil.rmtree(own, ignore_errors=True)
    shipping.mark_ends(chat, model)
    ship(model, job, own)
    shipping.save(chat, model, own)
    run = _run(job, loop, state, model, conditions, own)
    (own / "README.md").write_text(card.render(job, run), encoding="utf-8")
    for path in list_files(own):  # the sign must not outlive a machine that its files did not
        sync(path)
    sync(own)
    claims.check(folder)
    if folder.exists():
        shutil.rmtree(folder)
    os.replace(own, folder)
    sync(folder.parent)
    write_json(job.folder / RUN, asdict(run))


def is_complete(folder: Path) -> bool:
    """Tell whether a staging folder holds all that a finished run leaves."""
    return (folder / RUN).is_file() and (folder / RESULT).is_dir()


def ship(model: Any, job: Job, folder: Path) -> None:
    """Write the adapter, or the whole model with the settings that its base has."""
    model.eval()
    if job.arm.trains_base:
        build.restore_config(model, job.training.student)
        model.save_pretrained(folder)
        return
    starts.save(job, model, folder)
    _order_names(folder / "adapter_config.json")


def _order_names(path: Path) -> None:
    """Sort the module names that PEFT keeps in sets: their order differs between processes."""
    settings = json.loads(path.read_text(encoding="utf-8"))
    for name, value in settings.items():
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            settings[name] = sorted(value)
    write_json(path, settings)


def _run(
    job: Job, loop: Loop, state: State, model: Any, conditions: dict[str, Any], folder: Path
) -> TrainingRun:
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
        conditions=conditions | _conditions(job, loop, state, model),
        resumed=state.resumed,
        loss_tokens_per_second=state.loss_tokens / loop.watch.seconds,
        config={
            "arm": {"name": job.arm.name, **job.arm.specification()},
            "training": job.training.model_dump(
                mode="json", exclude={"arms", "tuning", "trackers"}
            ),
        },
    )


def _conditions(job: Job, loop: Loop, state: State, model: Any) -> dict[str, Any]:
    import torch

    device = loop.accelerator.device.type
    name = torch.cuda.get_device_name() if device == "cuda" else platform.machine()
    student = job.training.student
    settings = job.training
    return {
        "device": f"{device}: {name}",
        "precision": build.precision(student, device).compute,
        "quantization": student.quantization,
        "attention": getattr(model.config, "_attn_implementation", None),
        "threads": torch.get_num_threads(),
        "processes": loop.group.size,
        "strategy": settings.strategy if loop.group.size > 1 else None,
        "micro_batch_size": state.micro_batch_size,
        "accumulation": math.ceil(
            math.ceil(job.arm.batch_size / loop.group.size) / state.micro_batch_size
        ),
        "gradient_checkpointing": bool(loop.job.training.gradient_checkpointing),
        "max_length": job.training.max_length,
        "data": job.data_identity,
        "train_rows": len(loop.rows.train),
        "validation_rows": len(loop.rows.validation),
        "too_long_rows": loop.rows.too_long,
        "alike_rows": loop.rows.alike,
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
