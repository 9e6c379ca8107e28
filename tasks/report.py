"""Tasks of the report stage."""

from __future__ import annotations

from functools import partial
from typing import Any

from prefect import task

from synthetic_instruction_tuner.analysis.run import compare
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.reporting import run
from tasks.step import HUNG_SECONDS, opened, step, summary


@task(name="look for outdated reports", persist_result=False)
def set_aside_outdated(config: StudyConfig, workspace: str) -> None:
    """Set aside reports made from other results than are there now, so that they are made again."""
    run.set_aside_outdated(opened(config, workspace))


@step
def compare_models(config: StudyConfig, workspace: str, identity: str) -> dict[str, Any]:
    """Compute statistics, gates, efficiency and recommendations."""
    return summary(compare(opened(config, workspace)))


@step
def draw_figures(config: StudyConfig, workspace: str, identity: str) -> dict[str, Any]:
    """Draw the charts."""
    return summary(run.draw_figures(opened(config, workspace)))


@partial(step, seconds=HUNG_SECONDS)
def write_report(config: StudyConfig, workspace: str, identity: str) -> dict[str, Any]:
    """Write report and slides."""
    return summary(run.write_report(opened(config, workspace)))
