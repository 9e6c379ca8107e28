"""`tuner status`: how far a study is, from its workspace or from the Prefect server."""

from __future__ import annotations

import json
from typing import Annotated, Optional

import typer
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.errors import ConfigurationError, TunerError
from synthetic_instruction_tuner.inspection.status import StageStatus, read_status
from synthetic_instruction_tuner.study.graph import Study
from tuner import address, previewed
from tuner.options import AsJson, Assignments, WorkspaceFolder, existing

WIDE = 110
"""Columns of a terminal that hold the table without breaking words."""
COLOURS = {"done": "green", "part done": "yellow", "missing": "dim", "outdated": "magenta"}


def status(
    workspace: WorkspaceFolder = None,
    as_json: AsJson = False,
    remote: Annotated[
        bool, typer.Option("--remote", help="Ask the Prefect server instead of a workspace.")
    ] = False,
    study: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="With --remote: show this study alone, by its name."),
    ] = None,
    assignments: Assignments = None,
) -> None:
    """Show each stage: done, part done or missing; with --remote runs, workers and schedules.

    With --set: what a run with other settings would make again, what would stay, and the cost.

    Example: tuner status --set training.arms.sft.rank=16
    """
    if assignments and not remote:
        found = existing(workspace)
        config = presets.change(found.config, presets.parsed(assignments))
        previewed.show(Study(config, found.root), "report", as_json)
        return
    if remote:
        _show_remote(study, as_json)
        return
    if study is not None:
        raise ConfigurationError("--study goes with --remote; here --workspace names the study")
    _show_workspace(workspace, as_json)


def _show_workspace(workspace: WorkspaceFolder, as_json: bool) -> None:
    study = existing(workspace)
    stages = read_status(study)
    if as_json:
        found = {"study": study.config.name, "workspace": str(study.root)}
        typer.echo(json.dumps(found | {"stages": [one.as_json() for one in stages]}))
        return
    console = Console()
    console.print(
        f"Study {study.config.name!r} in {study.root}",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    if console.width < WIDE:
        _print_narrow(console, stages)
        return
    table = Table("stage", "state", "done", "what", "last activity", "a rerun would", box=None)
    for one in stages:
        state = f"[{COLOURS[one.state]}]{one.state}[/]"
        done = f"{one.done}/{one.total}"
        table.add_row(
            one.stage, state, done, escape(one.detail), one.last_activity or "-", one.rerun
        )
    console.print(table)


def _print_narrow(console: Console, stages: list[StageStatus]) -> None:
    """Print a line a stage, and below it what does not fit beside it."""
    for one in stages:
        state = f"[{COLOURS[one.state]}]{one.state:<9}[/]"
        console.print(f"{one.stage:<11} {state} {one.done:,} of {one.total:,}")
        told = [one.detail, f"last activity {one.last_activity}" if one.last_activity else ""]
        told.append(f"a rerun would {one.rerun}" if one.rerun != "nothing" else "")
        for text in filter(None, told):
            console.print(Padding(escape(text), (0, 0, 0, 2)))


def _show_remote(study: str | None, as_json: bool) -> None:
    address.require()
    import httpx
    from prefect.client.orchestration import get_client

    from tuner import remote, remote_status, server

    with get_client(sync_client=True) as client:
        server.require(client)
        try:
            found = remote.read_remote(client, study)
        except httpx.HTTPError as error:
            raise TunerError(f"the Prefect server went away meanwhile ({error})") from error
    if as_json:
        typer.echo(json.dumps(found.as_json()))
        return
    for line in remote_status.lines(found, study):
        typer.echo(line)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(status)
