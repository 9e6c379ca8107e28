"""The items flow: the benchmark rows of a study."""

from __future__ import annotations

from prefect import flow

from blocks import HubCredentials, Workspace
from synthetic_instruction_tuner.config import StudyConfig
from tasks.items import prepare_benchmark_items
from tasks.step import call, working


@flow(name="items", flow_run_name="{config.name}: items")
def items(
    config: StudyConfig,
    workspace: Workspace | str | None = None,
    credentials: HubCredentials | None = None,
) -> None:
    """Collect the benchmark rows that this study evaluates on.

    Args:
        config: The study.
        workspace: Folder of the study; ./workspace/<name> if not given.
        credentials: Hugging Face token for gated models; the worker's own if not given.
    """
    with working(config, workspace, credentials) as study:
        call(prepare_benchmark_items, study, study.items)
