"""Whether preference training learns to prefer the chosen answers."""

from __future__ import annotations

from synthetic_instruction_tuner.reporting.charts.chart import Chart, Series
from synthetic_instruction_tuner.reporting.charts.figures.loss import curve
from synthetic_instruction_tuner.reporting.store import Results

ORDER = 40

CHARTS = (
    (
        "preference_accuracy",
        "accuracy",
        "Held-out pairs ranked correctly",
        "Share of held-out pairs in which the model raises the chosen answer more than the "
        "rejected one, compared with the model it started from.",
        "Pairs ranked correctly (%)",
        "percent",
    ),
    (
        "preference_margin",
        "margin",
        "Reward margin on held-out pairs",
        "How much more the model has raised the chosen answer's log-probability than the rejected "
        "one's, times beta, against the model it started from.",
        "Mean margin",
        "ratio",
    ),
    (
        "preference_drift",
        "chosen_drift",
        "Log-probability of chosen answers",
        "How much likelier the held-out chosen answers have become than they were before the first "
        "step. It often falls: the margin then grows because rejected answers fall faster.",
        "Mean change (nats an answer)",
        "ratio",
    ),
    (
        "preference_kl",
        "kl",
        "Distance from the starting point",
        "KL divergence of the next token, over the whole vocabulary, from the model it started "
        "from, at the tokens of held-out answers (of at most 32 rows).",
        "KL divergence (nats a token)",
        "ratio",
    ),
)
"""Name, figure of the evaluations, title, how to read it, axis, form."""


def describe(results: Results) -> list[Chart]:
    """Accuracy and margin on held-out pairs over the steps."""
    charts = []
    for name, figure, title, note, axis, form in CHARTS:
        series = tuple(
            Series(results.label(one), one, *points)
            for one in results.preference_arms
            if (points := curve(results, one, figure))
        )
        if series:
            charts.append(
                Chart(
                    name=name,
                    title=title,
                    note=note,
                    kind="lines",
                    series=series,
                    x_label="Training step",
                    y_label=axis,
                    form=form,
                )
            )
    return charts
