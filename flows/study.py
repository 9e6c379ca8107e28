"""The study flow: every stage in order, up to the one that is wanted."""

from __future__ import annotations

from collections.abc import Callable

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from blocks import HubCredentials, LanguageModel, RewardModel, Workspace
from blocks.choice import with_models
from flows.evaluation import evaluation
from flows.filtering import filtering
from flows.generation import generation
from flows.items import items
from flows.preference import preference
from flows.report import report
from flows.training import training
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.study.stages import Stage
from tasks.models import check_models
from tasks.spread import require_runner
from tasks.step import budget_used_up, working

STAGE_FLOWS: dict[Stage, Callable[[StudyConfig, str], object]] = {
    "items": items,
    "generation": generation,
    "filtering": filtering,
    "preference": preference,
    "training": training,
    "evaluation": evaluation,
    "report": report,
}


@flow(name="study", flow_run_name="{config.name}")
def study(
    config: StudyConfig,
    workspace: Workspace | str | None = None,
    until: Stage = "report",
    teacher: LanguageModel | None = None,
    student: LanguageModel | None = None,
    reward_model: RewardModel | None = None,
    credentials: HubCredentials | None = None,
) -> State[None]:
    """Run a whole study; whatever is already done and whole is not done again.

    Args:
        config: The study.
        workspace: Folder of the study; ./workspace/<name> if not given.
        until: Last stage to run.
        teacher: Instead of generation.teacher.
        student: Instead of training.student.
        reward_model: Instead of preference.reward.
        credentials: Hugging Face token for gated models; the worker's own if not given.

    Returns:
        Completed, with the reason in its message where a session budget ended the run early.
    """
    config = with_models(config, teacher, student, reward_model)
    with working(config, workspace, credentials) as opened:
        require_runner(opened)
        check_models(opened.config, str(opened.root), until)
        for stage in opened.stages_until(until):
            STAGE_FLOWS[stage](config, str(opened.root))
            if reason := budget_used_up(opened):
                return Completed(message=f"{reason}; run again to go on")
        return Completed(message=f"{config.name} is done up to {until}")
