"""`tuner status`: how far a study is and what a rerun would do."""

from __future__ import annotations

import json

import typer
from rich.console import Console
from rich.table import Table

from synthetic_instruction_tuner.status import read_status
from tuner.options import AsJson, WorkspaceFolder, existing

COLOURS = {"done": "green", "part done": "yellow", "missing": "dim", "outdated": "magenta"}


def status(workspace: WorkspaceFolder = None, as_json: AsJson = False) -> None:
    """Show each stage: done, part done or missing, and what a rerun would do."""
    study = existing(workspace)
    stages = read_status(study)
    if as_json:
        found = {"study": study.config.name, "workspace": str(study.root)}
        typer.echo(json.dumps(found | {"stages": [one.as_json() for one in stages]}))
        return
    console = Console()
    console.print(f"Study {study.config.name!r} in {study.root}", highlight=False)
    table = Table("stage", "state", "done", "what", "last activity", "a rerun would", box=None)
    for one in stages:
        state = f"[{COLOURS[one.state]}]{one.state}[/]"
        done = f"{one.done}/{one.total}"
        table.add_row(one.stage, state, done, one.detail, one.last_activity or "-", one.rerun)
    console.print(table)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(status)
