"""Quality against cost: which arms are worth it."""

from __future__ import annotations

from synthetic_instruction_tuner.reporting.charts.chart import Chart, Series
from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.study.subject import BASE

ORDER = 80

COSTS = (
    (
        "chain_seconds",
        "training time",
        "Training time, start arm included (logarithmic)",
        "seconds",
    ),
    ("train_memory", "training memory", "Peak training memory (logarithmic)", "bytes"),
    ("adapter_bytes", "file size", "Adapter file (logarithmic)", "bytes"),
)
"""Cost, title, axis, form."""


def describe(results: Results) -> list[Chart]:
    """One chart a cost: mean over skills against the cost of each arm."""
    charts = []
    for cost, words, axis, form in COSTS:
        points = results.get(f"pareto/{cost}") or {}
        if not points:
            continue
        base = results.get(f"aggregate/models/{BASE}/score")
        charts.append(
            Chart(
                name=f"pareto_{cost}",
                title=f"Quality against {words}",
                note="Up is better, left is cheaper. Quality: mean over skills, scaled so "
                "that guessing is zero and perfect is one hundred; lines: "
                "[[terms/confidence|percent0]] interval.",
                kind="scatter",
                series=tuple(
                    Series(
                        results.label(one),
                        one,
                        (point["cost"],),
                        (point["score"],),
                        (point["low"],),
                        (point["high"],),
                    )
                    for one, point in points.items()
                ),
                x_label=axis,
                y_label="Mean over skills (%)",
                x_form=form,
                reference=base,
                reference_label="Base, untrained",
                log=True,
            )
        )
    return charts
