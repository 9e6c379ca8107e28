"""`tuner doctor`: what will fail, before it does."""

from __future__ import annotations

import json

import typer
from rich.console import Console

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
    for check in examine(chosen(study, workspace, assignments)):
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


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(doctor)
