"""The filtering flow: rules, duplicates, contamination, splits; draws more until enough is kept."""

from __future__ import annotations

from typing import Any

from prefect import flow

from blocks import HubCredentials, Workspace
from blocks.choice import PresetName, WholeStudy, chosen
from flows.generation import generation
from synthetic_instruction_tuner.filtering.run import data_set, lost_raw_rows
from synthetic_instruction_tuner.filtering.signals import unmeasured
from tasks.filtering import filter_rows, write_raw_rows
from tasks.items import fetch_benchmark_items
from tasks.naming import named
from tasks.pieces import quality
from tasks.publishing import publish
from tasks.spread import make
from tasks.step import budget_used_up, call, working


@flow(name="filtering", flow_run_name=named("filtering"))
def filtering(
    preset: PresetName = "sandbox",
    workspace: Workspace | str | None = None,
    credentials: HubCredentials | None = None,
    settings: dict[str, Any] | None = None,
    config: WholeStudy | None = None,
) -> None:
    """Keep the rows that pass every rule, draw more while the target is not reached, and split.

    Args:
        preset: The study to start from.
        workspace: Folder of the study, or its block; ./workspace/NAME if not given.
        credentials: Hugging Face token for gated models; the worker's own if not given.
        settings: What to change in the preset, as in a study file or by path, for example
            {"seed": 7, "training.arms.sft.rank": 16}.
        config: Instead of a preset: a whole study, as programs hand it on.
    """
    with working(chosen(preset, config, settings), workspace, credentials) as study:
        if study.config.filtering.decontaminate:
            call(fetch_benchmark_items, study, study.items)
        needed: int | None = study.config.generation.draws
        while needed is not None:
            generation(config=study.config, workspace=str(study.root), draws=needed)
            if budget_used_up(study):
                return
            if not study.store.find(data_set(study)):
                make(study, [quality(study, *one) for one in unmeasured(study)])
                if budget_used_up(study):
                    return
            needed = call(filter_rows, study, study.filtered, needed)["draws_needed"]
        if drawn := lost_raw_rows(study):
            generation(config=study.config, workspace=str(study.root), draws=drawn)
            if budget_used_up(study):
                return
            call(write_raw_rows, study, study.raw(study.filtered), drawn)
        publish(study, "filtering")
