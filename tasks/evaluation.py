"""Task of the evaluation stage."""

from __future__ import annotations

from typing import Any

from synthetic_instruction_tuner import progress
from synthetic_instruction_tuner.config import BenchmarkConfig, StudyConfig
from synthetic_instruction_tuner.evaluation import run
from synthetic_instruction_tuner.subject import benchmark_key
from tasks.step import opened, step, summary


@step
def evaluate(
    config: StudyConfig, workspace: str, identity: str, name: str, benchmark: BenchmarkConfig
) -> dict[str, Any]:
    """Measure one model on one benchmark."""
    study = opened(config, workspace)
    title = f"{name} on {benchmark_key(benchmark)}"
    manifest = run.evaluate(study, study.subject(name), benchmark, progress.start(title))
    return summary(manifest)
