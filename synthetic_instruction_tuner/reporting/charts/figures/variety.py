"""What models measured on the rows, and what later draws still brought."""

from __future__ import annotations

import itertools

from synthetic_instruction_tuner.reporting.charts.chart import Chart, Series
from synthetic_instruction_tuner.reporting.store import Results

ORDER = 15
LABELS = {
    "likelihood": ("How likely the responses are", "Mean log-probability (nats a token)"),
    "difficulty": ("How much the instruction helps", "Perplexity with / without instruction"),
    "reward": ("Rewards of the responses", "Reward"),
}


def describe(results: Results) -> list[Chart]:
    """Distribution of each signal, and the curve of what is new by draws."""
    found = results.get("dataset/signals") or {}
    charts = [_distribution(results, name) for name in LABELS if name in found]
    curve = results.get("dataset/diversity/curve") or []
    return charts + ([_curve(results)] if len(curve) > 1 else [])


def _distribution(results: Results, name: str) -> Chart:
    path = f"dataset/signals/{name}"
    edges = results.get(f"{path}/edges")
    middles = tuple((low + high) / 2 for low, high in itertools.pairwise(edges))
    title, label = LABELS[name]
    series = tuple(
        Series(shown, model, middles, tuple(float(one) for one in results.get(f"{path}/{group}")))
        for shown, group, model in (("All rows", "all", None), ("Kept rows", "kept", "sft"))
    )
    return Chart(
        name=f"signal_{name}",
        title=title,
        note=f"Rows by what was measured on them; median of all [[{path}/median|ratio]], of the "
        f"kept [[{path}/median_kept|ratio]]. What lies beyond the ends counts at the ends.",
        kind="lines",
        series=series,
        x_label=label,
        y_label="Rows",
        form="count",
        x_form="ratio",
    )


def _curve(results: Results) -> Chart:
    curve = results.get("dataset/diversity/curve")
    draws = tuple(float(one["draws"]) for one in curve)
    return Chart(
        name="novelty",
        title="What later draws still bring",
        note="Of the word pairs in each part of the draws, the share that no draw before it held, "
        "and the share of its instructions that repeat an earlier one word for word. Where the "
        "first nears zero, more draws no longer pay.",
        kind="lines",
        series=(
            Series("New word pairs", "sft", draws, tuple(one["new"] for one in curve)),
            Series("Repeated instructions", None, draws, tuple(one["repeated"] for one in curve)),
        ),
        x_label="Samples drawn",
        y_label="Share (%)",
        x_form="count",
    )
