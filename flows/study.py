"""The study flow: every stage in order, up to the one that is wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from blocks import HubCredentials, LanguageModel, RewardModel, Workspace
from blocks.choice import PresetName, WholeStudy, chosen
from flows.evaluation import evaluation
from flows.filtering import filtering
from flows.generation import generation
from flows.items import items
from flows.preference import preference
from flows.report import report
from flows.training import training
from synthetic_instruction_tuner.study.stages import Stage
from tasks.models import check_models
from tasks.naming import named
from tasks.spread import require_runner
from tasks.step import budget_used_up, working
from tasks.story import telling

STAGE_FLOWS: dict[Stage, Callable[..., object]] = {
    "items": items,
    "generation": generation,
    "filtering": filtering,
    "preference": preference,
    "training": training,
    "evaluation": evaluation,
    "report": report,
}


@flow(name="study", flow_run_name=named())
def study(
    preset: PresetName = "sandbox",
    workspace: Workspace | str | None = None,
    until: Stage = "report",
    credentials: HubCredentials | None = None,
    name: str = "",
    draws: Annotated[int, Field(ge=0)] = 0,
    settings: dict[str, Any] | None = None,
    teacher: LanguageModel | None = None,
    student: LanguageModel | None = None,
    reward_model: RewardModel | None = None,
    config: WholeStudy | None = None,
) -> State[None]:
    """Run a whole study; whatever is already done and whole is not done again.

    Args:
        preset: The study to start from.
        workspace: Folder of the study, or its block; ./workspace/NAME if not given.
        until: Last stage to run.
        credentials: Hugging Face token for gated models; the worker's own if not given.
        name: Name of the study, which is also that of its folder; the preset's if not given.
        draws: Samples that the teacher draws at first; 0: as many as the preset says.
        settings: What else to change in the preset, as in a study file or by path, for example
            {"seed": 7, "training.arms.sft.rank": 16}.
        teacher: Block of the teacher, instead of generation.teacher.
        student: Block of the student, instead of training.student.
        reward_model: Block of the reward model, instead of preference.reward.
        config: Instead of a preset: a whole study, as programs hand it on.

    Returns:
        Completed, with the reason in its message where a session budget ended the run early.
    """
    wanted = chosen(
        preset, config, settings, teacher, student, reward_model, name=name, draws=draws
    )
    with working(wanted, workspace, credentials) as opened, telling(opened, until) as story:
        require_runner(opened)
        check_models(opened.config, str(opened.root), until)
        for stage in opened.stages_until(until):
            STAGE_FLOWS[stage](config=opened.config, workspace=str(opened.root))
            story.tell(stage)
            if reason := budget_used_up(opened):
                return Completed(message=f"{reason}; run again to go on")
        return Completed(message=f"{opened.config.name} is done up to {until}{story.where()}")
