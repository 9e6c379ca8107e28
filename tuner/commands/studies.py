"""`tuner studies`: the presets."""

from __future__ import annotations

import json

import typer
from rich.console import Console
from rich.table import Table

from synthetic_instruction_tuner.config import presets
from tuner.options import AsJson


def studies(as_json: AsJson = False) -> None:
    """List the studies that come with the tool.

    Example: tuner studies --json
    """
    found = {name: presets.load(name) for name in presets.names()}
    if as_json:
        typer.echo(json.dumps({name: one.model_dump(mode="json") for name, one in found.items()}))
        return
    table = Table("study", "rows", "pairs", "models and arms", box=None, pad_edge=False)
    for name, one in found.items():
        arms = ", ".join(arm.name for arm in one.training.arms)
        models = f"{one.generation.teacher.name} teaches {one.training.student.name}"
        rows, pairs = str(one.filtering.target), str(one.preference.pairs)
        table.add_row(name, rows, pairs, f"{models}\n{arms}")
    Console().print(table)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(studies)
