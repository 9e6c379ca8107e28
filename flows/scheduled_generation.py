"""Generation in sessions: a schedule starts it again and again until every sample is drawn."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from blocks import HubCredentials, LanguageModel, Workspace
from blocks.choice import PresetName, WholeStudy, chosen
from flows.generation import generation
from synthetic_instruction_tuner.config import SessionConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.generation.cost import forecast
from synthetic_instruction_tuner.generation.run import missing_spans
from tasks.naming import named
from tasks.scheduling import pause_own_schedule, skip_overdue
from tasks.step import budget_used_up, working


@flow(name="generation-scheduled", flow_run_name=named("samples"))
def scheduled_generation(
    preset: PresetName = "sandbox",
    workspace: Workspace | str | None = None,
    session: SessionConfig | None = None,
    credentials: HubCredentials | None = None,
    draws: Annotated[int, Field(ge=0)] = 0,
    settings: dict[str, Any] | None = None,
    teacher: LanguageModel | None = None,
    config: WholeStudy | None = None,
) -> State[None]:
    """Draw samples until the budget of this session is used up, leaving at the end of a chunk.

    The next run goes on there; runs that fell due before or meanwhile are skipped. Once all of
    generation.draws are there, a run completes at once and pauses the schedule that started it.

    Args:
        preset: The study to start from.
        workspace: Folder of the study, or its block; ./workspace/NAME if not given.
        session: How much this session may do; the study's own budget if not given.
        credentials: Hugging Face token for gated models; the worker's own if not given.
        draws: How many samples there shall be; 0: as many as the settings say.
        settings: What else to change in the preset, as in a study file or by path, for example
            {"seed": 7, "generation.chunk_size": 50}.
        teacher: Block of the teacher, instead of generation.teacher.
        config: Instead of a preset: a whole study, as programs hand it on.

    Returns:
        Completed; its message says how far the study is and when all samples will be there.

    Raises:
        ConfigurationError: If the study imports its rows instead of drawing them.
    """
    wanted = chosen(preset, config, settings, teacher, draws=draws)
    if wanted.generation.source is not None:
        raise ConfigurationError(
            f"generation.source={wanted.generation.source!r}: imported rows need no sessions; "
            "run the study itself"
        )
    if session is not None:
        wanted = wanted.model_copy(update={"session": session})
    with working(wanted, workspace, credentials) as study:
        skip_overdue()
        if missing_spans(study, wanted.generation.draws):
            generation(config=wanted, workspace=str(study.root))
            skip_overdue()
        found = forecast(study)
        if missing_spans(study, wanted.generation.draws):
            return Completed(message=f"{found}; {budget_used_up(study)}; the next run goes on")
    paused = "; its schedule is paused" if pause_own_schedule() else ""
    return Completed(message=f"{found}: nothing left to draw{paused}")
