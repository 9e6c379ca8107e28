"""`tuner clean`: remove what earlier settings and damage left in a workspace."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from synthetic_instruction_tuner.inspection import cleaning
from synthetic_instruction_tuner.study import workspace
from tuner.options import AsJson, WorkspaceFolder, existing

MEBIBYTE = 1 << 20


def clean(
    workspace_folder: WorkspaceFolder = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Remove it; without this only a list.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List what no artifact of the present settings needs, with its size; --yes removes it.

    Draws of earlier settings that were removed can no longer be reused by later ones.

    Example: tuner clean --yes
    """
    study = existing(workspace_folder)
    with workspace.lease(study.root):
        found = cleaning.find_leftovers(study)
        if yes:
            cleaning.remove(study, found)
    if as_json:
        rows = [
            {
                "path": str(one.path),
                "bytes": one.size,
                "why": one.why,
                "removed": yes and one.removable,
            }
            for one in found
        ]
        typer.echo(json.dumps({"leftovers": rows}))
        return
    for one in found:
        where = one.path.relative_to(study.root).as_posix()
        typer.echo(f"{one.size / MEBIBYTE:9.1f} MiB  {where}  ({one.why})")
    total = f"{sum(one.size for one in found) / MEBIBYTE:.1f} MiB in {_count(found)}"
    typer.echo(f"removed: {total}" if yes else f"could go: {total} (remove with --yes)")


def _count(found: list[cleaning.Leftover]) -> int:
    return sum(one.removable for one in found)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(clean)
