"""The filtering flow: rules, duplicates, contamination, splits; draws more until enough is kept."""

from __future__ import annotations

from prefect import flow

from blocks import HubCredentials, Workspace
from flows.generation import generation
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.filtering.run import lost_raw_rows
from tasks.filtering import filter_rows, write_raw_rows
from tasks.items import fetch_benchmark_items
from tasks.publishing import publish
from tasks.step import budget_used_up, call, working


@flow(name="filtering", flow_run_name="{config.name}: filtering")
def filtering(
    config: StudyConfig,
    workspace: Workspace | str | None = None,
    credentials: HubCredentials | None = None,
) -> None:
    """Keep the rows that pass every rule, draw more while the target is not reached, and split.

    Args:
        config: The study.
        workspace: Folder of the study; ./workspace/<name> if not given.
        credentials: Hugging Face token for gated models; the worker's own if not given.
    """
    with working(config, workspace, credentials) as study:
        if config.filtering.decontaminate:
            call(fetch_benchmark_items, study, study.items)
        needed: int | None = config.generation.draws
        while needed is not None:
            generation(config, str(study.root), needed)
            if budget_used_up(study):
                return
            needed = call(filter_rows, study, study.filtered, needed)["draws_needed"]
        if drawn := lost_raw_rows(study):
            generation(config, str(study.root), drawn)
            if budget_used_up(study):
                return
            call(write_raw_rows, study, study.raw(study.filtered), drawn)
        publish(study, "filtering")
