"""`tuner serve`: run flows from the Prefect UI with one process and no work pool."""

from __future__ import annotations

import os
from typing import Annotated, Any

import typer

from synthetic_instruction_tuner import __version__
from synthetic_instruction_tuner.config import StudyConfig, presets
from tuner import address, deployment_file
from tuner.options import Assignments, StudyName

SESSION_MINUTES = 50
"""Minutes of work of a scheduled session, of the hour between two."""


def serve(
    study: StudyName = "sandbox",
    assignments: Assignments = None,
    limit: Annotated[int, typer.Option(help="Runs at once; one GPU carries one.", min=1)] = 1,
    schedule: Annotated[
        bool, typer.Option("--schedule", help="Start with generation's schedule switched on.")
    ] = False,
) -> None:
    """Serve a study and its scheduled generation until stopped; two deployments, no worker.

    Example: tuner serve colab-t4 --schedule
    """
    config = presets.load(study, assignments or [])
    parameters = _parameters(study, assignments or [], config)
    from prefect import serve as serve_deployments

    address.require()
    from prefect.client.orchestration import get_client

    from tuner import server

    with get_client(sync_client=True) as client:
        server.require(client)
    _announce_environment()
    serve_deployments(*deployments(config.name, parameters, schedule), limit=limit)


def _parameters(study: str, assignments: list[str], config: StudyConfig) -> dict[str, Any]:
    """Return what a form shows at first: preset and changes, or the whole study of a file."""
    if study not in presets.names():
        return {"config": config.model_dump(mode="json")}
    return {"preset": study, "settings": presets.parsed(assignments) or None}


def deployments(name: str, parameters: dict[str, Any], schedule: bool) -> list[Any]:
    """Make the two deployments of a study.

    Args:
        name: Name of the study.
        parameters: What their forms show at first.
        schedule: Whether the schedule of generation is on.

    They have names of their own: one that `tuner deploy` made would lose its work pool.
    """
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.schedules import Cron

    from flows.scheduled_generation import scheduled_generation
    from flows.study import study

    shared: dict[str, Any] = {
        "name": f"{name}-served",
        "version": __version__,
        "tags": [name],
        "parameters": parameters,
    }
    session = {"session": {"minutes": SESSION_MINUTES}}
    hourly = Cron("0 * * * *", timezone="UTC", slug="hourly", active=schedule, parameters=session)
    one = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
    return [
        study.to_deployment(**shared),
        scheduled_generation.to_deployment(**shared, schedule=hourly, concurrency_limit=one),
    ]


def _announce_environment() -> None:
    """Give the runs, which are processes of their own, what a worker gets from the work pool."""
    for name, value in deployment_file.environment().items():
        os.environ.setdefault(name, value)
    os.environ["PREFECT_LOGGING_LEVEL"] = "INFO"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(serve)
