"""Experiment trackers: accelerate's own, told what the training tells anyway; none by default."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.training.job import Job
from synthetic_instruction_tuner.training.state import Emit

if TYPE_CHECKING:
    from accelerate import Accelerator

PROJECT = "synthetic-instruction-tuner"
FOLDER = "tracking"
"""Folder of a workspace for trackers that write files."""


def require(names: Sequence[str]) -> None:
    """Refuse trackers that are not installed: accelerate would go on without them.

    Raises:
        ConfigurationError: Names the package.
    """
    for name in names:
        if find_spec(name) is None:
            raise ConfigurationError(
                f"training.trackers: {name!r} is not installed; `pip install {name}`, or leave it "
                "out"
            )


def following(job: Job, accelerator: Accelerator, emit: Emit) -> Emit:
    """Start the trackers of a training, and return what tells them, too, what is emitted.

    A training that goes on from a checkpoint begins a run of the same name, at its step.

    Args:
        job: What is trained.
        accelerator: Of the trainer; its main process writes.
        emit: Receives all events.
    """
    from accelerate.tracking import filter_trackers

    if not job.training.trackers:
        return emit
    require(job.training.trackers)
    folder = job.cache.parent / FOLDER / job.subject
    folder.mkdir(parents=True, exist_ok=True)
    accelerator.project_configuration.set_directories(str(folder))
    accelerator.log_with = filter_trackers(list(job.training.trackers), str(folder))
    settings = {name: str(value) for name, value in job.arm.specification().items()}
    named = {key: {"name": job.subject} for key in ("wandb", "trackio")}
    named["mlflow"] = {"run_name": job.subject}
    accelerator.init_trackers(PROJECT, {**settings, "seed": job.seed}, named)

    def told(event: str, **fields: object) -> None:
        emit(event, **fields)
        if event in ("step", "evaluation"):
            step = fields["step"]
            assert isinstance(step, int)
            split = "train" if event == "step" else "validation"
            values = {f"{split}/{k}": v for k, v in fields.items() if k not in ("step", "total")}
            accelerator.log(values, step=step)

    return told


def end(accelerator: Accelerator) -> None:
    """Let all trackers write what they hold; `end_training` would end the process group, too."""
    for one in accelerator.trackers:
        one.finish()
