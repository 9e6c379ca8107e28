"""The items flow: the benchmark rows of a study."""

from __future__ import annotations

from typing import Any

from prefect import flow

from blocks import HubCredentials, Workspace
from blocks.choice import PresetName, WholeStudy, chosen
from tasks.items import prepare_benchmark_items
from tasks.naming import named
from tasks.step import call, working


@flow(name="items", flow_run_name=named("items"))
def items(
    preset: PresetName = "sandbox",
    workspace: Workspace | str | None = None,
    credentials: HubCredentials | None = None,
    settings: dict[str, Any] | None = None,
    config: WholeStudy | None = None,
) -> None:
    """Collect the benchmark rows that this study evaluates on.

    Args:
        preset: The study to start from.
        workspace: Folder of the study, or its block; ./workspace/NAME if not given.
        credentials: Hugging Face token for gated models; the worker's own if not given.
        settings: What to change in the preset, as in a study file or by path, for example
            {"seed": 7, "training.arms.sft.rank": 16}.
        config: Instead of a preset: a whole study, as programs hand it on.
    """
    with working(chosen(preset, config, settings), workspace, credentials) as study:
        call(prepare_benchmark_items, study, study.items)
