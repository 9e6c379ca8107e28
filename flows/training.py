"""The training flow: every arm, one after the other."""

from __future__ import annotations

from typing import Any

from prefect import flow

from blocks import HubCredentials, Workspace
from blocks.choice import PresetName, WholeStudy, chosen
from tasks.arms import train_arms
from tasks.naming import named
from tasks.publishing import publish
from tasks.step import working


@flow(name="training", flow_run_name=named("training"))
def training(
    preset: PresetName = "sandbox",
    workspace: Workspace | str | None = None,
    credentials: HubCredentials | None = None,
    settings: dict[str, Any] | None = None,
    config: WholeStudy | None = None,
) -> None:
    """Adapt the student with every arm of the study; one that fails leaves the others alive.

    Args:
        preset: The study to start from.
        workspace: Folder of the study, or its block; ./workspace/NAME if not given.
        credentials: Hugging Face token for gated models; the worker's own if not given.
        settings: What to change in the preset, as in a study file or by path, for example
            {"seed": 7, "training.arms.sft.rank": 16}.
        config: Instead of a preset: a whole study, as programs hand it on.
    """
    with working(chosen(preset, config, settings), workspace, credentials) as study:
        train_arms(study)
        publish(study, "training")
