"""The generation flow: samples in chunks, each drawn once whatever happens."""

from __future__ import annotations

from prefect import flow

from blocks import HubCredentials, Workspace
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.generation.run import missing_spans
from tasks.generation import import_rows
from tasks.pieces import samples
from tasks.spread import make
from tasks.step import call, working


@flow(name="generation", flow_run_name="{config.name}: generation")
def generation(
    config: StudyConfig,
    workspace: Workspace | str | None = None,
    draws: int | None = None,
    credentials: HubCredentials | None = None,
) -> None:
    """Let the teacher write instructions and answer them, or import existing rows.

    Args:
        config: The study.
        workspace: Folder of the study; ./workspace/<name> if not given.
        draws: How many samples there shall be; generation.draws if not given.
        credentials: Hugging Face token for gated models; the worker's own if not given.
    """
    with working(config, workspace, credentials) as study:
        if config.generation.source is not None:
            call(import_rows, study, study.draws)
            return
        spans = missing_spans(study, draws or config.generation.draws)
        make(study, [samples(study, *span) for span in spans])
