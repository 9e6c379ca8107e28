"""`tuner doctor`: what will fail, before it does."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import chain

import typer
from rich.console import Console

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.inspection.check import Check
from synthetic_instruction_tuner.inspection.doctor import examine
from tuner.options import AsJson, Assignments, StudyName, WorkspaceFolder, chosen

SIGNS = {"ok": "[green]ok     [/]", "warning": "[yellow]warning[/]", "problem": "[red]problem[/]"}


def doctor(
    study: StudyName = "sandbox",
    workspace: WorkspaceFolder = None,
    assignments: Assignments = None,
    as_json: AsJson = False,
) -> None:
    """Check environment, hardware, disk, tokens, models and templates; exit code 1 on a problem.

    Example: tuner doctor colab-t4
    """
    console, found = Console(highlight=False, soft_wrap=True), []
    for check in chain(examine(chosen(study, workspace, assignments)), check_server()):
        found.append(check)
        if not as_json:
            console.print(f"{SIGNS[check.state]} ", end="")
            console.print(f"{check.name}: {check.found}", markup=False)
            if check.remedy:
                console.print(f"        -> {check.remedy}", markup=False)
    if as_json:
        typer.echo(json.dumps([one.as_json() for one in found]))
    if any(one.state == "problem" for one in found):
        raise typer.Exit(1)


def check_server() -> Iterator[Check]:
    """Look at the Prefect server, if one is configured; without one a run brings its own."""
    if not (address := os.environ.get("PREFECT_API_URL")):
        return
    from prefect.client.orchestration import get_client

    from tuner import server

    try:
        with get_client(sync_client=True) as client:
            server.require(client)
            sqlite = server.keeps_records_in_sqlite(client)
    except ConfigurationError as error:
        yield Check("Prefect server", "problem", str(error))
        return
    if sqlite:
        found = f"{address}, with SQLite unless its database is hidden: enough for one person"
        yield Check("Prefect server", "ok", found, "several people or machines: PostgreSQL")
    else:
        yield Check("Prefect server", "ok", address)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(doctor)
