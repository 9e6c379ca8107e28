"""The evaluation flow: the base and every arm on every benchmark."""

from __future__ import annotations

from itertools import product

from prefect import flow

from blocks import HubCredentials, Workspace
from synthetic_instruction_tuner.config import StudyConfig
from tasks.evaluation import evaluate
from tasks.step import call, within_budget, working


@flow(name="evaluation", flow_run_name="{config.name}: evaluation")
def evaluation(
    config: StudyConfig,
    workspace: Workspace | str | None = None,
    credentials: HubCredentials | None = None,
) -> None:
    """Measure the base and every arm on every benchmark.

    Args:
        config: The study.
        workspace: Folder of the study; ./workspace/<name> if not given.
        credentials: Hugging Face token for gated models; the worker's own if not given.
    """
    with working(config, workspace, credentials) as study:
        benchmarks = config.evaluation.benchmarks
        for subject, benchmark in within_budget(study, product(study.subjects, benchmarks)):
            call(evaluate, study, study.result(subject, benchmark), subject.name, benchmark)
