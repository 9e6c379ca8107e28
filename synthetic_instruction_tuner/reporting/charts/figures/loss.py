"""How the loss fell while training."""

from __future__ import annotations

from synthetic_instruction_tuner.reporting.charts.chart import Chart, Series
from synthetic_instruction_tuner.reporting.store import Results

ORDER = 30


def describe(results: Results) -> list[Chart]:
    """Validation loss of the arms trained on responses; preference losses have another scale."""
    arms = [one for one in results.trained if one not in results.preference_arms]
    series = tuple(
        Series(results.label(one), one, *points)
        for one in arms
        if (points := curve(results, one, "loss"))
    )
    if not series:
        return []
    return [
        Chart(
            name="loss",
            title="Loss on held-out rows while training",
            note="Loss on validation rows that no arm was trained on; the first point is before "
            "the first step. Lower is better.",
            kind="lines",
            series=series,
            x_label="Training step",
            y_label="Validation loss",
            form="ratio",
        )
    ]


def curve(
    results: Results, arm: str, figure: str
) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """Return steps and values of one figure over an arm's evaluations; None without two points."""
    points = [
        (float(one["step"]), float(one[figure]))
        for one in results.get(f"training/{arm}/evaluations") or []
        if one.get(figure) is not None and "step" in one
    ]
    if len(points) < 2:
        return None
    steps, values = zip(*points, strict=True)
    return steps, values
