"""Tasks of the preference stage."""

from __future__ import annotations

from typing import Any

from synthetic_instruction_tuner import progress
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.preference import run
from tasks.step import opened, step, summary


@step
def draw_responses(
    config: StudyConfig, workspace: str, identity: str, responder: str, first: int, last: int
) -> dict[str, Any]:
    """Let one responder answer the kept examples first..last."""
    study = opened(config, workspace)
    title = f"Responses of {responder}, {first}-{last}"
    return summary(run.draw_responses(study, responder, first, last, progress.start(title)))


@step
def finish_responses(
    config: StudyConfig, workspace: str, identity: str, responder: str
) -> dict[str, Any]:
    """Put one responder's chunks together."""
    return summary(run.finish_responses(opened(config, workspace), responder))


@step
def lengthen_responses(config: StudyConfig, workspace: str, identity: str) -> dict[str, Any]:
    """Draw cut answers on, where too few instructions have two whole ones."""
    study = opened(config, workspace)
    return summary(run.lengthen_responses(study, progress.start("Longer answers")))


@step
def score_rewards(config: StudyConfig, workspace: str, identity: str) -> dict[str, Any]:
    """Score every response with the reward model."""
    study = opened(config, workspace)
    return summary(run.score_rewards(study, progress.start("Rewards")))


@step
def build_pairs(config: StudyConfig, workspace: str, identity: str) -> dict[str, Any]:
    """Pair the best with the worst response."""
    return summary(run.build_pairs(opened(config, workspace)))
