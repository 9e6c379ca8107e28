"""The filtering flow: rules, duplicates, contamination, splits."""

from __future__ import annotations

from prefect import flow

from synthetic_instruction_tuner.config import StudyConfig
from tasks.filtering import filter_rows
from tasks.step import call, working


@flow(name="filtering", flow_run_name="{config.name}: filtering")
def filtering(
    config: StudyConfig, workspace: str | None = None, draws: int | None = None
) -> int | None:
    """Keep the rows that pass every rule and split them.

    Args:
        config: The study.
        workspace: Folder of the study; ./workspace/<name> if not given.
        draws: How many samples are there; generation.draws if not given.

    Returns:
        How many draws it takes to reach the target, or None when the stage is done.
    """
    with working(config, workspace) as study:
        drawn = draws or config.generation.draws
        outcome = call(filter_rows, study, study.filtered, drawn)
        needed: int | None = outcome["draws_needed"]
        return needed
