"""The study flow: every stage in order, up to the one that is wanted."""

from __future__ import annotations

from prefect import flow

from flows.evaluation import evaluation
from flows.filtering import filtering
from flows.generation import generation
from flows.items import items
from flows.preference import preference
from flows.report import report
from flows.training import training
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.study import Stage, stages_until
from tasks.step import working


@flow(name="study", flow_run_name="{config.name}")
def study(config: StudyConfig, workspace: str | None = None, until: Stage = "report") -> None:
    """Run a whole study; whatever is already done and whole is not done again.

    Args:
        config: The study.
        workspace: Folder of the study; ./workspace/<name> if not given.
        until: Last stage to run.
    """
    with working(config, workspace) as opened:
        wanted = stages_until(opened, until)
        place = str(opened.root)
        if "items" in wanted:
            items(config, place)
        if "generation" in wanted:
            generation(config, place)
        needed = config.generation.draws if "filtering" in wanted else None
        while needed is not None:
            generation(config, place, needed)
            needed = filtering(config, place, needed)
        if "preference" in wanted:
            preference(config, place)
        if "training" in wanted:
            training(config, place)
        if "evaluation" in wanted:
            evaluation(config, place)
        if "report" in wanted:
            report(config, place)
