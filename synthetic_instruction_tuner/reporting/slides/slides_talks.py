"""The slide that shows the same prompts answered by every model."""

from __future__ import annotations

from collections.abc import Mapping

from synthetic_instruction_tuner.reporting.charts.chart import Chart
from synthetic_instruction_tuner.reporting.slides import fitting
from synthetic_instruction_tuner.reporting.slides.canvas import BODY, Deck
from synthetic_instruction_tuner.reporting.slides.layout import Entry, table_size
from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.study.subject import BASE

MOST = 2
"""Prompts of the slide: two can be read aloud in a minute."""


def _shown(results: Results) -> list[str]:
    """Return the base and the arm with most right answers, side by side."""
    key = results.answers
    known = [arm for arm in results.arms if key and results.measured(arm, key)]
    best = max(known, key=lambda arm: results.get(f"scores/{arm}/{key}/score"), default=None)
    return [BASE, best] if best else results.models[:2]


def write(deck: Deck, results: Results, charts: Mapping[str, Chart]) -> None:
    """Fill the slide with as many prompts as fit."""
    models = _shown(results)
    widths = (1.4, *[1.0] * len(models))
    inches = [BODY.width * one / sum(widths) for one in widths]
    header = ("Prompt", *(results.label(model) for model in models))
    every = _talks(results, models, inches[1])
    sizes = (18, 16, 15, 14)
    fitting_rows = (
        every[:count]
        for count in range(min(MOST, len(every)), 1, -1)
        if table_size(header, every[:count], inches, BODY.height, sizes)
    )
    everywhere = frozenset(range(len(header)))
    deck.table(header, next(fitting_rows, every[:1]), widths, left=everywhere)


def _talks(results: Results, models: list[str], width: float) -> list[list[Entry]]:
    """Return a row a prompt: the prompt, then every model's answer, cut to what a cell shows."""
    rows = []
    for talk in results.data["transcripts"]:
        cells = [Entry(_cut(talk["prompt"], width * 1.4))]
        for model in models:
            answer = talk["answers"].get(model)
            if answer is None:
                cells.append(Entry("not measured"))
                continue
            mark = {1: "✓ ", 0: "✗ "}.get(answer["score"], "")
            cells.append(Entry(mark + _cut(answer["response"] or "(no answer)", width)))
        rows.append(cells)
    return rows


def _cut(text: str, inches: float) -> str:
    """Cut a model's text to what a cell can show."""
    return fitting.shorten(" ".join(text.split()), 14, ((inches - 0.2) * 72, 7 * 14 * 1.2))
