"""`tuner filter`: what other thresholds would have kept."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from synthetic_instruction_tuner.filtering.what_if import Variant, what_if
from synthetic_instruction_tuner.progress import Silent
from tuner.options import AsJson, TrustedCode, WorkspaceFolder, existing


def filter_rows(
    what_ifs: Annotated[
        list[str],
        typer.Option(
            "--what-if",
            metavar="RULE.FIELD=VALUE",
            help="A threshold to try; several in one string, spaces between, count together.",
        ),
    ],
    workspace: WorkspaceFolder = None,
    as_json: AsJson = False,
    trusted: TrustedCode = None,
) -> None:
    """Show what other thresholds would have kept of the draws that are there; nothing is drawn.

    Example: tuner filter --what-if length.min_words=6
    """
    variants = what_if(existing(workspace, trusted), what_ifs, Silent())
    if as_json:
        typer.echo(json.dumps([one._asdict() for one in variants]))
        return
    Console().print(_table(variants))


def _table(variants: list[Variant]) -> Table:
    table = Table("setting", "pass", "gained", "lost", "mean quality", "rejected by", box=None)
    for one in variants:
        quality = "-" if one.mean_quality is None else f"{one.mean_quality:.3f}"
        rejected = ", ".join(f"{rule} {count}" for rule, count in one.rejected.items())
        counts = (str(one.passed), f"+{one.gained}", f"-{one.lost}")
        table.add_row(one.setting, *counts, quality, rejected)
    return table


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("filter")(filter_rows)
