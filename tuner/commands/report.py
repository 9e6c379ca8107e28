"""`tuner report`: where the report is."""

from __future__ import annotations

import json
import webbrowser
from typing import Annotated

import typer

from synthetic_instruction_tuner.errors import StageError
from tuner.options import AsJson, WorkspaceFolder, existing


def report(
    workspace: WorkspaceFolder = None,
    browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print where a study's report, slides and figures are.

    Example: tuner report --workspace workspace/sandbox --open
    """
    study = existing(workspace)
    manifest = study.store.find(study.report)
    if manifest is None:
        raise StageError(
            f"the report of study {study.config.name!r} is not there for its present settings; "
            "`tuner run` makes it"
        )
    paths = {name: str(manifest.path(name)) for name in manifest.files}
    if as_json:
        typer.echo(json.dumps(paths))
    else:
        for path in paths.values():
            typer.echo(path)
    if browser:
        webbrowser.open(manifest.path("report.html").as_uri())


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(report)
