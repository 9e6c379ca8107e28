"""`tuner human`: let people compare the models' answers blindly."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from synthetic_instruction_tuner.analysis import votes
from synthetic_instruction_tuner.analysis.human import RATERS
from synthetic_instruction_tuner.analysis.run import compare
from synthetic_instruction_tuner.reporting.run import draw_figures, write_report
from synthetic_instruction_tuner.study.workspace import lease
from tuner.options import WorkspaceFolder, existing

human = typer.Typer(
    name="human", help="Let people compare the models' answers blindly.", no_args_is_help=True
)


@human.command("export")
def export_pairs(
    models: Annotated[
        Optional[list[str]],  # noqa: UP045 (typer reads this at run time on Python 3.10 too)
        typer.Argument(help='Arms to compare, or "base".', show_default="the base and all arms"),
    ] = None,
    workspace: WorkspaceFolder = None,
    benchmark: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Whose answers.", show_default="the first with freely written ones"),
    ] = None,
    prompts: Annotated[int, typer.Option(min=1, help="How many prompts.")] = 20,
) -> None:
    """Write pairs of answers for raters: one page that opens offline, or a table to fill in.

    Example: tuner human export base sft --prompts 30
    """
    study = existing(workspace)
    with lease(study.root):
        made = votes.export(study, benchmark, models or [], prompts)
    folder = made.folder
    few = f" (there are no more; {prompts} were wanted)" if made.prompts < prompts else ""
    same = f", {made.same} left out because both answers are the same" if made.same else ""
    typer.echo(
        f"{made.pairs} pairs in {folder / RATERS}: pairs.html for a browser, or pairs.csv\n"
        f"They are every two of {made.models} models at {made.prompts} prompts{few}{same}."
    )
    typer.echo(f"{folder / 'key.json'} says which model wrote what: keep it from the raters")


@human.command("import")
def import_votes(
    files: Annotated[
        list[Path], typer.Argument(exists=True, dir_okay=False, help="CSV files of all raters.")
    ],
    workspace: WorkspaceFolder = None,
) -> None:
    """Take votes into the study and write its report anew; earlier votes are replaced.

    Example: tuner human import pairs-anna.csv pairs-ben.csv
    """
    study = existing(workspace)
    with lease(study.root):
        manifest = votes.import_votes(study, files)
        compare(study)
        draw_figures(study)
        report = write_report(study)
    typer.echo(f"{manifest.facts['votes']} votes of {manifest.facts['raters']} raters")
    typer.echo(str(report.path("report.html")))


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(human)
