"""The evaluation flow: the base and every arm on every benchmark."""

from __future__ import annotations

from typing import Any

from prefect import flow

from blocks import HubCredentials, Workspace
from blocks.choice import PresetName, WholeStudy, chosen
from synthetic_instruction_tuner.evaluation.run import one_base
from tasks.naming import named
from tasks.pieces import all_results
from tasks.spread import make, make_here
from tasks.step import working


@flow(name="evaluation", flow_run_name=named("evaluation"))
def evaluation(
    preset: PresetName = "sandbox",
    workspace: Workspace | str | None = None,
    credentials: HubCredentials | None = None,
    settings: dict[str, Any] | None = None,
    config: WholeStudy | None = None,
) -> None:
    """Measure the base and every arm on every benchmark.

    Args:
        preset: The study to start from.
        workspace: Folder of the study, or its block; ./workspace/NAME if not given.
        credentials: Hugging Face token for gated models; the worker's own if not given.
        settings: What to change in the preset, as in a study file or by path, for example
            {"seed": 7, "training.arms.sft.rank": 16}.
        config: Instead of a preset: a whole study, as programs hand it on.
    """
    chosen_study = chosen(preset, config, settings)
    with working(chosen_study, workspace, credentials) as study, one_base():
        anywhere, alone = all_results(study)
        make(study, anywhere)
        make_here(study, alone)
