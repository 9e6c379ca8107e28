"""Task of the training stage."""

from __future__ import annotations

from typing import Any

from synthetic_instruction_tuner import progress
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.training import run
from tasks.step import opened, step, summary


@step
def train_arm(config: StudyConfig, workspace: str, identity: str, name: str) -> dict[str, Any]:
    """Train one arm in a process of its own; goes on from its newest whole checkpoint."""
    study = opened(config, workspace)
    subject = study.subject(name)
    return summary(run.train(study, subject, progress.start(f"Training {name}")))


@step
def try_arm(
    config: StudyConfig, workspace: str, identity: str, name: str, number: int
) -> dict[str, Any]:
    """Train an arm with other settings, for its figures alone; resumes as arms do."""
    study = opened(config, workspace)
    trial = study.trials(name)[number - 1]
    return summary(run.try_settings(study, trial, progress.start(f"Trying {trial.name}")))
