"""Task of the filtering stage."""

from __future__ import annotations

from typing import Any

from synthetic_instruction_tuner import progress
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.filtering import run
from tasks.step import opened, step


@step
def filter_rows(config: StudyConfig, workspace: str, identity: str, drawn: int) -> dict[str, Any]:
    """Filter the first `drawn` samples; say how many draws are needed if that is not enough."""
    study = opened(config, workspace)
    outcome = run.filter_rows(study, drawn, progress.start("Filtering"))
    return {"kept": outcome.kept, "draws_needed": outcome.draws_needed}
