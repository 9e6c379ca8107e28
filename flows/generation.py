"""The generation flow: samples in chunks, each drawn once whatever happens."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from pydantic import Field

from blocks import HubCredentials, Workspace
from blocks.choice import PresetName, WholeStudy, chosen
from synthetic_instruction_tuner.generation.run import missing_spans
from tasks.generation import import_rows
from tasks.naming import named
from tasks.pieces import samples
from tasks.spread import make
from tasks.step import call, working


@flow(name="generation", flow_run_name=named("generation"))
def generation(
    preset: PresetName = "sandbox",
    workspace: Workspace | str | None = None,
    credentials: HubCredentials | None = None,
    draws: Annotated[int, Field(ge=0)] = 0,
    settings: dict[str, Any] | None = None,
    config: WholeStudy | None = None,
) -> None:
    """Let the teacher write instructions and answer them, or import existing rows.

    Args:
        preset: The study to start from.
        workspace: Folder of the study, or its block; ./workspace/NAME if not given.
        credentials: Hugging Face token for gated models; the worker's own if not given.
        draws: How many samples there shall be; 0: as many as the settings say.
        settings: What to change in the preset, as in a study file or by path, for example
            {"seed": 7, "training.arms.sft.rank": 16}.
        config: Instead of a preset: a whole study, as programs hand it on.
    """
    with working(chosen(preset, config, settings), workspace, credentials) as study:
        if study.config.generation.source is not None:
            call(import_rows, study, study.draws)
            return
        spans = missing_spans(study, draws or study.config.generation.draws)
        make(study, [samples(study, *span) for span in spans])
