"""Task of the evaluation stage."""

from __future__ import annotations

from typing import Any

from synthetic_instruction_tuner import progress
from synthetic_instruction_tuner.config import BenchmarkConfig, StudyConfig
from synthetic_instruction_tuner.evaluation import run
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import Reading, benchmark_key
from tasks.step import opened, step, summary


@step
def evaluate(
    config: StudyConfig, workspace: str, identity: str, name: str, benchmark: str
) -> dict[str, Any]:
    """Measure one model on one benchmark."""
    study = opened(config, workspace)
    subject, settings = study.subject(name), benchmark_named(study, benchmark)
    return summary(run.evaluate(study, subject, settings, progress.start(f"{name} on {benchmark}")))


@step
def read_base(
    config: StudyConfig, workspace: str, identity: str, benchmark: str, prompt: str, selecting: bool
) -> dict[str, Any]:
    """Measure the base on one benchmark, asked in one form."""
    study = opened(config, workspace)
    reading = Reading(benchmark_named(study, benchmark), prompt, selecting)
    what = f"base on {benchmark}, prompt {prompt}{', to choose' if selecting else ''}"
    return summary(run.read_base(study, reading, progress.start(what)))


def benchmark_named(study: Study, key: str) -> BenchmarkConfig:
    """Find a benchmark of the study by its key."""
    return next(one for one in study.config.evaluation.benchmarks if benchmark_key(one) == key)
