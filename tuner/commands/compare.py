"""`tuner compare`: studies side by side."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from synthetic_instruction_tuner.reporting.format import SPACE, write
from synthetic_instruction_tuner.reporting.tables.tables import SIGNS
from synthetic_instruction_tuner.results.comparing import (
    SideBySide,
    StudyDifference,
    compare_studies,
)
from synthetic_instruction_tuner.study.opening import existing_study
from tuner.display import printable
from tuner.options import AsJson


def compare(
    workspaces: Annotated[
        list[Path], typer.Argument(help="Folders of studies; all others against the first.")
    ],
    as_json: AsJson = False,
) -> None:
    """Set studies side by side: paired by item where both asked the same items on equal terms.

    Example: tuner compare workspace/rank-8 workspace/rank-16
    """
    found = compare_studies([existing_study(one) for one in workspaces])
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(found)))
        return
    console = Console(highlight=False, markup=False)
    console.print(_table(found))
    console.print(
        f"Differences from {printable(found.studies[0])} in points, corrected for their number "
        f"({len(found.differences)}): ▲ better, ▼ worse, ≈ equivalent, = identical, ? inconclusive",
        style="dim",
    )
    for line in found.refused:
        console.print(f"Not compared: {printable(line)}")


def _table(found: SideBySide) -> Table:
    scores = {(one.benchmark, one.model, one.study): one.score for one in found.scores}
    cells = {(one.benchmark, one.model, one.study): one for one in found.differences}
    table = Table("benchmark", "model", *map(printable, found.studies), box=None, padding=(0, 1))
    for column in table.columns[2:]:
        column.justify = "right"
    for benchmark, model in dict.fromkeys((one.benchmark, one.model) for one in found.scores):
        row = []
        for study in found.studies:
            place = (benchmark, model, study)
            text = "–" if place not in scores else write(scores[place], "percent")
            row.append(f"{text}{_difference(cells.get(place))}".replace(SPACE, " "))
        table.add_row(printable(benchmark), printable(model), *row)
    return table


def _difference(one: StudyDifference | None) -> str:
    """Write a difference with its interval and the sign of its verdict."""
    if one is None:
        return ""
    cell = one.difference
    delta, low, high = (write(value, "delta") for value in (cell.delta, cell.low, cell.high))
    return f"  {delta} ({low} to {high}) {SIGNS[cell.verdict]}"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(compare)
