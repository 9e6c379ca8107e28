"""What each arm gained or lost against the base."""

from __future__ import annotations

from synthetic_instruction_tuner.reporting.charts.chart import Chart, Series
from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.study.subject import BASE

ORDER = 75


def describe(results: Results) -> list[Chart]:
    """Paired differences with intervals, a line at no difference."""
    series = []
    for arm in results.arms:
        found = [
            (key, cell)
            for key in results.benchmarks
            if (cell := results.difference(arm, BASE, key)) is not None
        ]
        if found:
            series.append(
                Series(
                    results.label(arm),
                    arm,
                    tuple(cell["delta"] for _, cell in found),
                    tuple(results.benchmark(key) for key, _ in found),
                    tuple(cell["low"] for _, cell in found),
                    tuple(cell["high"] for _, cell in found),
                )
            )
    if not series:
        return []
    return [
        Chart(
            name="gains",
            title="Gain or loss against the base",
            note="Difference on the same items in percentage points with its "
            "[[terms/confidence|percent0]] interval; right of the line the arm is ahead.",
            kind="dots",
            series=tuple(series),
            x_label="Difference to the base (percentage points)",
            form="delta",
            reference=0.0,
            reference_label="Base",
        )
    ]
