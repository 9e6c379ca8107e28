"""The evaluation flow: the base and every arm on every benchmark."""

from __future__ import annotations

from prefect import flow

from blocks import HubCredentials, Workspace
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.evaluation.run import one_base
from tasks.pieces import all_results
from tasks.spread import make, make_here
from tasks.step import working


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
    with working(config, workspace, credentials) as study, one_base():
        anywhere, alone = all_results(study)
        make(study, anywhere)
        make_here(study, alone)
