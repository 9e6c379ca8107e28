"""The evaluation flow: the base and every arm on every benchmark."""

from __future__ import annotations

from prefect import flow

from synthetic_instruction_tuner.config import StudyConfig
from tasks.evaluation import evaluate
from tasks.step import call, working


@flow(name="evaluation", flow_run_name="{config.name}: evaluation")
def evaluation(config: StudyConfig, workspace: str | None = None) -> None:
    """Measure the base and every arm on every benchmark.

    Args:
        config: The study.
        workspace: Folder of the study; ./workspace/<name> if not given.
    """
    with working(config, workspace) as study:
        for subject in study.subjects:
            for benchmark in config.evaluation.benchmarks:
                call(evaluate, study, study.result(subject, benchmark), subject.name, benchmark)
