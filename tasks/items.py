"""Task of the items stage."""

from __future__ import annotations

from typing import Any

from synthetic_instruction_tuner import progress
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.evaluation.run import prepare_items
from tasks.step import opened, step, summary


@step
def prepare_benchmark_items(config: StudyConfig, workspace: str, identity: str) -> dict[str, Any]:
    """Collect the benchmark rows that this study evaluates on."""
    study = opened(config, workspace)
    return summary(prepare_items(study, progress.start("Benchmark items")))
