"""How many freely written answers are right, model by model."""

from __future__ import annotations

from synthetic_instruction_tuner.reporting.charts.chart import Chart, Series
from synthetic_instruction_tuner.reporting.store import Results

ORDER = 60


def describe(results: Results) -> list[Chart]:
    """Score with interval of every model on the benchmark that shows learning most directly."""
    key = results.answers
    models = [one for one in results.models if key and results.measured(one, key)]
    if not key or not models:
        return []
    series = tuple(
        Series(
            results.label(one),
            one,
            (results.get(f"scores/{one}/{key}/score"),),
            (results.label(one),),
            (results.get(f"scores/{one}/{key}/low"),),
            (results.get(f"scores/{one}/{key}/high"),),
        )
        for one in models
    )
    return [
        Chart(
            name="answers",
            title=f"{results.benchmark(key)}: share answered correctly",
            note=(
                f"{results.get(f'benchmarks/{key}/asks')} [[scores/{models[0]}/{key}/n|count]] "
                "items, the same for every model. Bars: score; lines: "
                "[[terms/confidence|percent0]] interval."
            ),
            kind="bars",
            series=series,
            x_label="Right answers (%)",
        )
    ]
