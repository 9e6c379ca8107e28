"""`tuner settings`: what a study can be told, from the models themselves."""

from __future__ import annotations

import dataclasses
import json
import shlex
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from synthetic_instruction_tuner.config import StudyConfig, examples
from synthetic_instruction_tuner.config.finding import find
from synthetic_instruction_tuner.config.reference import Setting
from tuner.options import AsJson


def settings(
    path: Annotated[
        str,
        typer.Argument(help="A section or field: training.arms, training.arms.lora.rank, seed."),
    ] = "",
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of a study file, for editors.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show every setting: type, range, default, unit, source and an example.

    Example: tuner settings training.arms.lora
    """
    if schema:
        typer.echo(schema_text(), nl=False)
        return
    found = find(path)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(one) for _, rows in found for one in rows]))
        return
    console = Console(highlight=False, soft_wrap=False)
    for group, rows in found:
        console.print(f"[bold]{escape(group.title or 'study')}[/]  {escape(group.text)}")
        console.print(_table(rows))


def schema_text() -> str:
    """Return the JSON schema of a study file, as editors read it."""
    return json.dumps(StudyConfig.model_json_schema(), indent=1) + "\n"


def _table(rows: list[Setting]) -> Table:
    """Two columns: 80 characters hold the words of any setting."""
    table = Table(box=None, show_header=False, padding=(0, 1, 1, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in rows:
        facts = [one.type, one.range, one.unit, f"default {one.default}" if one.default else ""]
        lines = [one.text, "; ".join(filter(None, facts))]
        lines += [f"from: {one.source}"] if one.source else []
        if not one.type.endswith("group"):
            lines.append(f"--set {shlex.quote(examples.assignment(one))}")
        table.add_row(escape(one.name), escape("\n".join(lines)))
    return table


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(settings)
