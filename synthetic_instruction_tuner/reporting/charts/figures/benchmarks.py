"""All models on all benchmarks."""

from __future__ import annotations

from synthetic_instruction_tuner.reporting.charts.chart import Chart, Series
from synthetic_instruction_tuner.reporting.store import Results

ORDER = 70


def describe(results: Results) -> list[Chart]:
    """Scores with intervals, and where guessing would be."""
    series = [one for model in results.models if (one := _scores(results, model))]
    if not series:
        return []
    chance = [
        (key, results.get(f"benchmarks/{key}/chance"))
        for key in results.benchmarks
        if results.get(f"benchmarks/{key}/chance") is not None
    ]
    if chance:
        series.append(
            Series(
                "Guessing",
                None,
                tuple(value for _, value in chance),
                tuple(results.benchmark(key) for key, _ in chance),
                emphasis=False,
            )
        )
    return [
        Chart(
            name="benchmarks",
            title="All benchmarks, all models",
            note="Points: score; lines: [[terms/confidence|percent0]] interval; grey strokes: "
            "what guessing would score.",
            kind="dots",
            series=tuple(series),
            x_label="Score (%)",
        )
    ]


def _scores(results: Results, model: str) -> Series | None:
    keys = [key for key in results.benchmarks if results.measured(model, key)]
    if not keys:
        return None
    cells = [results.data["scores"][model][key] for key in keys]
    return Series(
        results.label(model),
        model,
        tuple(cell["score"] for cell in cells),
        tuple(results.benchmark(key) for key in keys),
        tuple(cell["low"] for cell in cells),
        tuple(cell["high"] for cell in cells),
    )
