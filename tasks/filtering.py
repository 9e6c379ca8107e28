"""Task of the filtering stage."""

from __future__ import annotations

from typing import Any

from synthetic_instruction_tuner import progress
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.filtering import run, signals, statistics
from tasks.step import opened, step, summary


@step
def filter_rows(config: StudyConfig, workspace: str, identity: str, drawn: int) -> dict[str, Any]:
    """Filter the first `drawn` samples; say how many draws are needed if that is not enough."""
    study = opened(config, workspace)
    outcome = run.filter_rows(study, drawn, progress.start("Filtering"))
    if outcome.manifest is not None:
        progress.say(statistics.told(outcome.manifest.facts))
    return {"kept": outcome.kept, "draws_needed": outcome.draws_needed}


@step
def measure_rows(
    config: StudyConfig, workspace: str, identity: str, kind: str, first: int, last: int
) -> dict[str, Any]:
    """Let one model of `filtering.quality` read the samples first..last."""
    study = opened(config, workspace)
    told = progress.start(f"Quality ({kind}), {first}-{last}")
    return summary(signals.measure(study, kind, first, last, told))


@step
def write_raw_rows(
    config: StudyConfig, workspace: str, identity: str, drawn: int
) -> dict[str, Any]:
    """Write the raw rows out again after their files were damaged."""
    return summary(run.write_raw_rows(opened(config, workspace), drawn))
