"""`tuner plan`: memory, disk, time and cost of a study before anything runs."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from enum import Enum
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.training.plan import GPUS, Gpu, Row, plan
from tuner.options import AsJson, Assignments, StudyName, chosen

GpuName = Enum("GpuName", {name: name for name in GPUS}, type=str)  # type: ignore[misc]
GIB = 1 << 30


@dataclass(frozen=True)
class Total:
    """A whole study on one GPU; units and money are None where no price is known."""

    gpu: str
    fits: bool
    hours: float
    units: float | None
    money: float | None


def plan_study(
    study: StudyName,
    gpu: Annotated[GpuName, typer.Option(help="The GPU whose stages are listed.")] = GpuName.T4,
    assignments: Assignments = None,
    as_json: AsJson = False,
) -> None:
    """Estimate memory and time of every stage on a GPU, from the models' shapes alone."""
    config = chosen(study, None, assignments).config
    plans = {name: plan(config, one) for name, one in GPUS.items()}
    totals = [_total(config, GPUS[name], rows) for name, rows in plans.items()]
    rows = plans[gpu.value]
    if as_json:
        found = {"gpu": gpu.value, "stages": rows, "totals": totals}
        typer.echo(json.dumps(found, default=dataclasses.asdict))
        return
    console = Console(highlight=False)
    console.print(_stages(rows))
    console.print(f"\nDisk: {sum(row.disk_bytes for row in rows) / 1e9:.0f} GB at most.\n")
    console.print(_totals(totals))
    console.print(
        "\nMemory is computed from the models' code (docs/benchmarks.md compares it with "
        "measurements). Hours are estimates; the reward model is not planned."
    )


def _total(config: StudyConfig, gpu: Gpu, rows: list[Row]) -> Total:
    hours = sum(row.seconds for row in rows) / 3600
    rate = config.costs.compute_units_per_hour.get(gpu.name)
    units = None if rate is None else hours * rate
    money = None if units is None else units * config.costs.money_per_unit
    return Total(gpu.name, all(row.fits for row in rows), hours, units, money)


def _stages(rows: list[Row]) -> Table:
    names = ("stage", "model", "parameters", "trained", "GPU GiB", "host GiB", "hours", "fits")
    table = Table(*names, "how", box=None)
    for row in rows:
        table.add_row(
            row.stage,
            row.subject,
            f"{row.parameters / 1e6:,.0f} M",
            f"{row.trained:,} ({row.trained / row.parameters:.4%})" if row.trained else "",
            f"{row.gpu_bytes / GIB:.1f}",
            f"{row.host_bytes / GIB:.1f}",
            f"{row.seconds / 3600:.2f}",
            "yes" if row.fits else "[red]no[/]",
            row.advice,
        )
    return table


def _totals(totals: list[Total]) -> Table:
    table = Table("GPU", "fits", "hours", "Colab units", "US dollars", box=None)
    for one in totals:
        table.add_row(
            one.gpu,
            "yes" if one.fits else "[red]no[/]",
            f"{one.hours:.1f}",
            "no price known" if one.units is None else f"{one.units:.0f}",
            "" if one.money is None else f"{one.money:.2f}",
        )
    return table


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("plan")(plan_study)
