"""The training flow: every arm, one after the other."""

from __future__ import annotations

from prefect import flow

from blocks import HubCredentials, Workspace
from synthetic_instruction_tuner.config import StudyConfig
from tasks.arms import train_arms
from tasks.publishing import publish
from tasks.step import working


@flow(name="training", flow_run_name="{config.name}: training")
def training(
    config: StudyConfig,
    workspace: Workspace | str | None = None,
    credentials: HubCredentials | None = None,
) -> None:
    """Adapt the student with every arm of the study; one that fails leaves the others alive.

    Args:
        config: The study.
        workspace: Folder of the study; ./workspace/<name> if not given.
        credentials: Hugging Face token for gated models; the worker's own if not given.
    """
    with working(config, workspace, credentials) as study:
        train_arms(study)
        publish(study, "training")
