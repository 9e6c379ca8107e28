"""The report flow: comparison, figures, report and slides."""

from __future__ import annotations

from typing import Any

from prefect import flow

from blocks import HubCredentials, Workspace
from blocks.choice import PresetName, WholeStudy, chosen
from tasks.naming import named
from tasks.publishing import publish
from tasks.report import compare_models, draw_figures, set_aside_outdated, write_report
from tasks.step import call, working


@flow(name="report", flow_run_name=named("report"))
def report(
    preset: PresetName = "sandbox",
    workspace: Workspace | str | None = None,
    credentials: HubCredentials | None = None,
    settings: dict[str, Any] | None = None,
    config: WholeStudy | None = None,
) -> None:
    """Compare the models and write report and slides.

    Args:
        preset: The study to start from.
        workspace: Folder of the study, or its block; ./workspace/NAME if not given.
        credentials: Hugging Face token for gated models; the worker's own if not given.
        settings: What to change in the preset, as in a study file or by path, for example
            {"seed": 7, "training.arms.sft.rank": 16}.
        config: Instead of a preset: a whole study, as programs hand it on.
    """
    with working(chosen(preset, config, settings), workspace, credentials) as study:
        set_aside_outdated(study.config, str(study.root))
        call(compare_models, study, study.comparison)
        call(draw_figures, study, study.figures)
        call(write_report, study, study.report)
        publish(study, "report")
