"""What a study found, in the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from synthetic_instruction_tuner.analysis.run import COMPARISON
from synthetic_instruction_tuner.filtering.statistics import told
from synthetic_instruction_tuner.reporting import brief
from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.storage.artifacts import read_manifest
from synthetic_instruction_tuner.study.graph import Study
from tuner.display import printable


def read(study: Study) -> Results | None:
    """Read the comparison of a study; None while there is none of its present settings."""
    manifest = read_manifest(study.store.folder(study.comparison))
    if manifest is None or manifest.identity != study.comparison.identity:
        return None
    return Results.read(manifest.path(COMPARISON))


def headline(study: Study) -> str | None:
    """Say the result of a study in one line; None while there is none."""
    results = read(study)
    return None if results is None else brief.headline(results)


def show(study: Study) -> None:
    """Print rows, scores with verdicts, costs and recommendations, as far as they are there."""
    console = Console(highlight=False, markup=False)
    filtered = read_manifest(study.store.folder(study.filtered))
    if filtered is not None and filtered.identity == study.filtered.identity:
        console.print(f"Rows: {told(filtered.facts)}.")
    results = read(study)
    if results is None:
        return
    header, *rows = brief.scores(results)
    table = Table(*map(printable, header), box=None, padding=(0, 1))
    for column in table.columns[1:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*map(printable, row))
    console.print(table)
    console.print(brief.LEGEND, style="dim")
    for line in brief.recommendations(results):
        console.print(f"- {printable(line)}")
    console.print(f"{printable(brief.headline(results))}.", style="bold")
