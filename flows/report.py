"""The report flow: comparison, figures, report and slides."""

from __future__ import annotations

from prefect import flow

from blocks import HubCredentials, Workspace
from synthetic_instruction_tuner.config import StudyConfig
from tasks.publishing import publish
from tasks.report import compare_models, draw_figures, set_aside_outdated, write_report
from tasks.step import call, working


@flow(name="report", flow_run_name="{config.name}: report")
def report(
    config: StudyConfig,
    workspace: Workspace | str | None = None,
    credentials: HubCredentials | None = None,
) -> None:
    """Compare the models and write report and slides.

    Args:
        config: The study.
        workspace: Folder of the study; ./workspace/<name> if not given.
        credentials: Hugging Face token for gated models; the worker's own if not given.
    """
    with working(config, workspace, credentials) as study:
        set_aside_outdated(study.config, str(study.root))
        call(compare_models, study, study.comparison)
        call(draw_figures, study, study.figures)
        call(write_report, study, study.report)
        publish(study, "report")
