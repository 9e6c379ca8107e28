"""Task that looks before the study leaps."""

from __future__ import annotations

from prefect import task

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.inspection.doctor import require_models
from synthetic_instruction_tuner.study.stages import Stage
from tasks.step import HUNG_SECONDS, opened


@task(name="check models", persist_result=False, timeout_seconds=HUNG_SECONDS)
def check_models(config: StudyConfig, workspace: str, until: Stage) -> None:
    """Make sure that every model the run still needs can be loaded, before hours of work."""
    require_models(opened(config, workspace), until)
