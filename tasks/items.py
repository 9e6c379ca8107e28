"""Task of the items stage."""

from __future__ import annotations

from functools import partial
from typing import Any

from synthetic_instruction_tuner import progress
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.evaluation.run import prepare_items, prepare_items_if_reachable
from tasks.step import HUNG_SECONDS, opened, step, summary


@partial(step, seconds=HUNG_SECONDS)
def prepare_benchmark_items(config: StudyConfig, workspace: str, identity: str) -> dict[str, Any]:
    """Collect the benchmark rows that this study evaluates on."""
    study = opened(config, workspace)
    return summary(prepare_items(study, progress.start("Benchmark items")))


@partial(step, seconds=HUNG_SECONDS)
def fetch_benchmark_items(config: StudyConfig, workspace: str, identity: str) -> dict[str, Any]:
    """Collect the benchmark rows if the Hub can be reached; without them filtering says so."""
    study = opened(config, workspace)
    found = prepare_items_if_reachable(study, progress.start("Benchmark items"))
    return summary(found) if found else {}
