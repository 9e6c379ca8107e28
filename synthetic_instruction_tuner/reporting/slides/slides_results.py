"""The slides of scores and agent tasks: tables with a column or a row a model."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from synthetic_instruction_tuner.reporting.charts.chart import Chart
from synthetic_instruction_tuner.reporting.slides.canvas import Deck
from synthetic_instruction_tuner.reporting.slides.layout import Box, Entry
from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.reporting.tables import tables_base, tables_skills
from synthetic_instruction_tuner.reporting.tables.tables import Table

CAPTION = Box(0.7, 6.2, 11.95, 0.62)
ABOVE_CAPTION = Box(0.7, 1.6, 11.95, 4.5)
MOST_COLUMNS = 8
"""Models that stand side by side on a slide."""
SCORES_NOTE = (
    "Score, and the verdict against the base on the same items, corrected for the number of "
    "comparisons: ▲ better, ▼ worse, ≈ equivalent (the difference lies within "
    "[[terms/margin|points]]), = identical, ? inconclusive. Intervals stand in the report."
)
AGENTS_NOTE = (
    "Share of tasks done, checked by executing what the model said. Strict form: every reply "
    "exactly as asked for. Progress: mean share of each task's checks that hold. Intervals and "
    "errors stand in the report."
)


def entries(
    results: Results, table: Table, columns: Sequence[int] | None = None, *, small: bool = True
) -> list[list[Entry]]:
    """Fill a table of the report for a slide, some of its columns only.

    Args:
        results: What was found.
        table: The table.
        columns: Which columns; None: all.
        small: Whether cells have their second lines; without them the text can be larger.
    """
    chosen = list(columns if columns is not None else range(len(table.header)))
    return [
        [
            Entry(
                results.text(row[i].text), results.text(row[i].small) if small else "", row[i].state
            )
            for i in chosen
        ]
        for row in table.rows
    ]


def benchmarks(deck: Deck, results: Results, charts: Mapping[str, Chart]) -> None:
    """Fill the slide with all scores."""
    table = tables_base.scores(results)
    if len(results.models) > MOST_COLUMNS:  # a row a model: what needs no skill is no model
        rows = tuple((row[0], *row[2:]) for row in table.rows)
        header = (table.header[0], *table.header[2:])
        table = dataclasses.replace(table, header=header, rows=rows)
    _by_model(deck, results, table, entries(results, table, small=False))
    deck.text(CAPTION, [results.text(SCORES_NOTE)], (14,), "5B6675")


def _by_model(deck: Deck, results: Results, table: Table, rows: Sequence[list[Entry]]) -> None:
    """Write a table with a column a model; with many models, a row a model."""
    header: Sequence[str] = table.header
    if len(results.models) > MOST_COLUMNS:
        columns = list(zip(*rows, strict=True))
        rows = [[Entry(name), *one] for name, one in zip(header[1:], columns[1:], strict=True)]
        header = ("Model", *(one.text for one in columns[0]))
    deck.table(header, rows, (3.4, *[1.3] * (len(header) - 1)), ABOVE_CAPTION)


def agents(deck: Deck, results: Results, charts: Mapping[str, Chart]) -> None:
    """Fill the slide with successes by category."""
    table = tables_skills.agents(results)[0]
    rows = [
        row
        for row in entries(results, table, small=False)
        if row[0].text.startswith("All") or not row[0].text.endswith("strict form")
    ]
    _by_model(deck, results, table, rows)
    deck.text(CAPTION, [AGENTS_NOTE], (14,), "5B6675")
