"""How `tuner run --dry-run` and `tuner status --set` show what a run would do."""

from __future__ import annotations

import json

import typer

from synthetic_instruction_tuner.inspection.preview import StagePreview, cost, preview
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.stages import Stage
from tuner.display import printable, span

NAMED = 6
"""Artifacts named a line."""


def show(study: Study, until: Stage, as_json: bool) -> None:
    """Print what would be made and what stays, stage by stage; then the cost by the plan."""
    stages = preview(study, until)
    if as_json:
        gpu, best, slow = cost(study, stages)
        found = {"study": study.config.name, "workspace": str(study.root)}
        planned = {"gpu": gpu.name, "hours": [best, slow]}
        rows = [one.as_json() for one in stages]
        typer.echo(json.dumps(found | {"stages": rows, "cost": planned}))
        return
    typer.echo(printable(f"Study {study.config.name!r} in {study.root}: nothing is changed now"))
    for one in stages:
        for line in lines(one):
            typer.echo(line)
    if not any(one.again or one.new or one.samples for one in stages):
        typer.echo("Nothing to do: everything is there and whole.")
        return
    gpu, best, slow = cost(study, stages)
    typer.echo(f"By the plan that takes {span(best, slow)} hours on {gpu.name} (see `tuner plan`).")


def lines(one: StagePreview) -> list[str]:
    """Say of a stage what is made and what stays; nothing where it has nothing of its own."""
    told = [f"draws {one.samples:,} samples"] if one.samples else []
    kinds = (("makes again", one.again), ("makes", one.new), ("keeps", one.stays))
    told += [f"{words} {len(names)}: {_named(names)}" for words, names in kinds if names]
    return [f"  {one.stage if not place else '':<11} {text}" for place, text in enumerate(told)]


def _named(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
