"""`tuner plan`: memory, disk, time and cost of a study before anything runs."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Optional

import typer
from rich.console import Console
from rich.table import Column, Table

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.inspection.planning.gpus import GPUS, Gpu
from synthetic_instruction_tuner.inspection.planning.measuring import unplanned
from synthetic_instruction_tuner.inspection.planning.plan import plan
from synthetic_instruction_tuner.inspection.planning.row import Row
from tuner.display import span
from tuner.options import AsJson, Assignments, StudyName, chosen

GpuName = Enum("GpuName", {name: name for name in GPUS}, type=str)  # type: ignore[misc]
GIB = 1 << 30


@dataclass(frozen=True)
class Total:
    """A whole study on one GPU, at best and as a slow run.

    Attributes:
        units: Colab compute units of both; None where no price is known.
        money: US dollars of both.
    """

    gpu: str
    fits: bool
    hours: tuple[float, float]
    units: tuple[float, float] | None
    money: tuple[float, float] | None


def plan_study(
    study: StudyName,
    gpu: Annotated[
        Optional[GpuName],  # noqa: UP045 (typer reads this at run time on Python 3.10 too)
        typer.Option(help="GPU whose stages are listed.", show_default="the smallest that fits"),
    ] = None,
    assignments: Assignments = None,
    as_json: AsJson = False,
) -> None:
    """Estimate memory and time of every stage on a GPU, from the models' shapes alone.

    Example: tuner plan a100 --gpu A100 --set training.arms.sft.rank=16
    """
    config = chosen(study, None, assignments).config
    plans = {name: plan(config, one) for name, one in GPUS.items()}
    totals = [_total(config, GPUS[name], rows) for name, rows in plans.items()]
    fitting = [one.gpu for one in totals if one.fits] or [list(GPUS)[-1]]
    name = gpu.value if gpu else fitting[0]
    rows, left_out = plans[name], unplanned(config)
    if as_json:
        found = {"gpu": name, "stages": rows, "totals": totals, "not_planned": left_out}
        typer.echo(json.dumps(found, default=dataclasses.asdict))
        return
    console = Console(highlight=False)
    console.print(_stages(name, rows))
    for row in rows:
        if note := _note(row):
            console.print(f" {row.stage}, {row.subject}: {note}")
    gigabytes = sum(row.disk_bytes for row in rows) / 1e9
    console.print(f"\nDisk: {gigabytes:.{0 if gigabytes >= 1 else 2}f} GB at most.\n")
    console.print(_totals(totals))
    console.print(
        "\nMemory is computed from the models' code (docs/benchmarks.md compares it with "
        f"measurements). Hours are estimates, at best and as a slow run would take them "
        f"(docs/benchmarks.md), without: {', '.join(left_out)}."
    )


def _total(config: StudyConfig, gpu: Gpu, rows: list[Row]) -> Total:
    best = sum(row.seconds for row in rows) / 3600
    slow = sum(row.slow_seconds for row in rows) / 3600
    fits = all(row.fits for row in rows)
    rate = config.costs.compute_units_per_hour.get(gpu.name)
    if rate is None:
        return Total(gpu.name, fits, (best, slow), None, None)
    price = rate * config.costs.money_per_unit
    return Total(
        gpu.name, fits, (best, slow), (best * rate, slow * rate), (best * price, slow * price)
    )


def _stages(gpu: str, rows: list[Row]) -> Table:
    """Lay the stages out so that 80 columns hold every number whole; notes stand below."""
    names = ("stage", "model", "million", "trained", f"{gpu} GiB", "host", "hours", "fits")
    table = Table(
        *(Column(name, overflow="fold") for name in names), box=None, padding=(0, 1, 0, 0)
    )
    for row in rows:
        table.add_row(
            row.stage,
            row.subject,
            f"{row.parameters / 1e6:,.0f}",
            f"{row.trained:,}" if row.trained else "",
            f"{row.gpu_bytes / GIB:.1f}",
            f"{row.host_bytes / GIB:.1f}",
            span(row.seconds / 3600, row.slow_seconds / 3600),
            "yes" if row.fits else "[red]no[/]",
        )
    return table


def _note(row: Row) -> str:
    share = f"{100 * row.trained / row.parameters:.2g} % trained" if row.trained else ""
    return "; ".join(one for one in (share, row.advice) if one)


def _totals(totals: list[Total]) -> Table:
    table = Table("GPU", "fits", "hours", "Colab units", "US dollars", box=None)
    for one in totals:
        table.add_row(
            one.gpu,
            "yes" if one.fits else "[red]no[/]",
            span(*one.hours),
            "no price known" if one.units is None else span(*one.units),
            "" if one.money is None else span(*one.money),
        )
    return table


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("plan")(plan_study)
