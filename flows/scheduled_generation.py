"""Generation in sessions: a schedule starts it again and again until every sample is drawn."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from blocks import HubCredentials, Workspace
from flows.generation import generation
from synthetic_instruction_tuner.config import SessionConfig, StudyConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.generation.cost import forecast
from synthetic_instruction_tuner.generation.run import missing_spans
from tasks.scheduling import pause_own_schedule, skip_overdue
from tasks.step import budget_used_up, working


@flow(name="generation-scheduled", flow_run_name="{config.name}: samples")
def scheduled_generation(
    config: StudyConfig,
    workspace: Workspace | str | None = None,
    session: SessionConfig | None = None,
    credentials: HubCredentials | None = None,
) -> State[None]:
    """Draw samples until the budget of this session is used up, leaving at the end of a chunk.

    The next run goes on there; runs that fell due before or meanwhile are skipped. Once all of
    generation.draws are there, a run completes at once and pauses the schedule that started it.

    Args:
        config: The study.
        workspace: Folder of the study; ./workspace/<name> if not given.
        session: How much this session may do; the study's own budget if not given.
        credentials: Hugging Face token for gated models; the worker's own if not given.

    Returns:
        Completed; its message says how far the study is and when all samples will be there.

    Raises:
        ConfigurationError: If the study imports its rows instead of drawing them.
    """
    if config.generation.source is not None:
        raise ConfigurationError(
            f"generation.source={config.generation.source!r}: imported rows need no sessions; "
            "run the study itself"
        )
    if session is not None:
        config = config.model_copy(update={"session": session})
    with working(config, workspace, credentials) as study:
        skip_overdue()
        if missing_spans(study, config.generation.draws):
            generation(config, str(study.root))
            skip_overdue()
        found = forecast(study)
        if missing_spans(study, config.generation.draws):
            return Completed(message=f"{found}; {budget_used_up(study)}; the next run goes on")
    paused = "; its schedule is paused" if pause_own_schedule() else ""
    return Completed(message=f"{found}: nothing left to draw{paused}")
