"""`tuner plan`: memory, time and cost of a study before anything runs."""

from __future__ import annotations

import dataclasses
import json
from enum import Enum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from synthetic_instruction_tuner.training.plan import GPUS, Row, plan
from tuner.options import AsJson, Assignments, StudyName, chosen

GpuName = Enum("GpuName", {name: name for name in GPUS}, type=str)  # type: ignore[misc]
GIB = 1 << 30


def plan_study(
    study: StudyName,
    gpu: Annotated[GpuName, typer.Option(help="The GPU it shall run on.")] = GpuName.T4,
    assignments: Assignments = None,
    as_json: AsJson = False,
) -> None:
    """Estimate memory and time of every stage on a GPU, from the models' shapes alone."""
    config = chosen(study, None, assignments).config
    rows = plan(config, GPUS[gpu.value])
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(row) for row in rows]))
        return
    console = Console(highlight=False)
    console.print(_table(rows))
    hours = sum(row.seconds for row in rows) / 3600
    console.print(f"Together about {hours:.1f} hours on one {gpu.value}{_cost(config, gpu, hours)}")


def _table(rows: list[Row]) -> Table:
    table = Table("stage", "model", "GPU GiB", "host GiB", "hours", "fits", "how", box=None)
    for row in rows:
        table.add_row(
            row.stage,
            row.subject,
            f"{row.gpu_bytes / GIB:.1f}",
            f"{row.host_bytes / GIB:.1f}",
            f"{row.seconds / 3600:.2f}",
            "yes" if row.fits else "[red]no[/]",
            row.advice,
        )
    return table


def _cost(config: object, gpu: GpuName, hours: float) -> str:
    costs = config.costs  # type: ignore[attr-defined]
    rate = costs.compute_units_per_hour.get(gpu.value)
    if rate is None:
        return "."
    units = hours * rate
    return f": {units:.0f} Colab compute units, {units * costs.money_per_unit:.2f} USD."


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("plan")(plan_study)
