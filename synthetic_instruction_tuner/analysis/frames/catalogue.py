"""All tables by name, as DataFrames and as one folder of CSV files."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.analysis.frames import scores, study
from synthetic_instruction_tuner.analysis.frames.scores import Rows
from synthetic_instruction_tuner.analysis.verdicts import Store
from synthetic_instruction_tuner.text import spreadsheet_cell

if TYPE_CHECKING:
    import pandas

TABLES: Mapping[str, Callable[[Store], Rows]] = {
    "scores": scores.scores,
    "runs": scores.runs,
    "seeds": scores.seeds,
    "comparisons": scores.comparisons,
    "means": scores.means,
    "mean_weights": scores.weights,
    "mean_differences": scores.gaps,
    "benchmarks": scores.benchmarks,
    "constant_answers": scores.constants,
    "commonest_answers": scores.commonest,
    "base_prompts": scores.base_prompts,
    "agents": scores.agents,
    "agent_errors": scores.agent_errors,
    "constraints": scores.constraints,
    "character": scores.character,
    "votes": scores.votes,
    "scorers": scores.scorers,
    "models": study.models,
    "training": study.training,
    "training_curves": study.curves,
    "costs": study.costs,
    "pareto": study.pareto,
    "dataset": study.dataset,
    "rejected": study.rules,
    "preference": study.preference,
    "criteria": study.gates,
    "recommendations": study.recommendations,
    "settings": study.settings,
    "conditions": study.conditions,
    "machines": study.machines,
    "provenance": study.provenance,
}
"""Every table that follows from comparison.json, by the name of its file."""
ITEMS = "items"
FOLDER = "tables"


def frames(store: Store) -> dict[str, pandas.DataFrame]:
    """Make every table of a comparison; tables without rows are left out.

    Args:
        store: The content of comparison.json.
    """
    import pandas

    made = {
        name: pandas.DataFrame.from_records([dict(row) for row in rows(store)])
        for name, rows in TABLES.items()
    }
    return {name: frame for name, frame in made.items() if len(frame)}


def write(folder: Path, store: Store, items: pandas.DataFrame) -> None:
    """Write all tables as CSV, with a page that says what each of them holds.

    Numbers are written in full; what was not measured is left empty; text that a spreadsheet
    would run as a formula gets an apostrophe in front.
    """
    folder.mkdir()
    tables = {**frames(store), ITEMS: items}
    for name, frame in tables.items():
        plain = frame.map(_plain)
        plain.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n", encoding="utf-8")
    (folder / "README.md").write_text(_readme(store, tables), "utf-8", newline="\n")


def _plain(value: object) -> object:
    if isinstance(value, str):
        return spreadsheet_cell(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value


def _readme(store: Store, tables: Mapping[str, pandas.DataFrame]) -> str:
    lines = [
        f"# Tables of the study `{store['study']['name']}`\n",
        "Every number of the report as CSV (UTF-8, numbers in full, empty: not measured). Made "
        f"with version {store['software']['version']}; machines and package versions are in "
        "`machines.csv` and `conditions.csv`, settings in `settings.csv`, the hashes of what the "
        "results were made from in `provenance.csv`.\n",
        "To redo a score: average the columns of a model's training seeds in `items.csv`. To redo "
        "a mean: sum weight * (score - chance) over the rows of `mean_weights.csv`. Intervals: "
        "Wilson's for right-or-wrong items of one model, else Student's t over `unit` and seeds.\n",
        "| file | holds | columns |",
        "| :-- | :-- | :-- |",
    ]
    for name, frame in sorted(tables.items()):
        made = scores.items if name == ITEMS else TABLES[name]
        told = (inspect.getdoc(made) or "").split("\n")[0]
        columns = ", ".join(f"`{one}`" for one in frame.columns)
        lines.append(f"| `{name}.csv` | {told} | {columns} |")
    return "\n".join(lines) + "\n"
