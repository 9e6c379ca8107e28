"""Tasks of the generation stage."""

from __future__ import annotations

from typing import Any

from synthetic_instruction_tuner import progress
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.generation import run
from tasks.step import opened, step, summary


@step
def draw_chunk(
    config: StudyConfig, workspace: str, identity: str, first: int, last: int
) -> dict[str, Any]:
    """Draw the samples first..last of the study's sequence."""
    study = opened(config, workspace)
    return summary(run.draw_chunk(study, first, last, progress.start(f"Samples {first}-{last}")))


@step
def import_rows(config: StudyConfig, workspace: str, identity: str) -> dict[str, Any]:
    """Import existing raw rows instead of drawing."""
    study = opened(config, workspace)
    return summary(run.import_rows(study, progress.start("Imported rows")))
