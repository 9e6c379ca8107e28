"""Peak memory of training."""

from __future__ import annotations

from synthetic_instruction_tuner.reporting.charts.chart import Chart, Series
from synthetic_instruction_tuner.reporting.store import Results

ORDER = 50

KIND_WORDS = {
    "reserved": "memory the GPU held",
    "allocated": "memory used by tensors on the GPU",
    "rss": "memory of the whole process",
}


def describe(results: Results) -> list[Chart]:
    """Peak memory of every arm in its training phase."""
    arms = [
        one for one in results.arms if results.get(f"efficiency/{one}/memory/train") is not None
    ]
    if not arms:
        return []
    kinds = sorted({KIND_WORDS[results.get(f"efficiency/{one}/memory_kind")] for one in arms})
    series = tuple(
        Series(
            results.label(one),
            one,
            (results.get(f"efficiency/{one}/memory/train"),),
            (results.label(one),),
        )
        for one in arms
    )
    return [
        Chart(
            name="memory",
            title="Peak memory while training",
            note=f"Measured: {' and '.join(kinds)}.",
            kind="bars",
            series=series,
            x_label="Peak memory",
            form="bytes",
        )
    ]
