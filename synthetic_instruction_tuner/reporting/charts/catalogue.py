"""All figures of a report, found in `reporting/figures/`."""

from __future__ import annotations

from typing import Protocol

from synthetic_instruction_tuner.discovery import discover
from synthetic_instruction_tuner.reporting.charts import figures
from synthetic_instruction_tuner.reporting.charts.chart import Chart
from synthetic_instruction_tuner.reporting.store import Results


class Figure(Protocol):
    """What a file of `figures/` has."""

    ORDER: int

    @staticmethod
    def describe(results: Results, /) -> list[Chart]:
        """Describe the figure's charts; none where the study has no data for it."""


def charts(results: Results) -> dict[str, Chart]:
    """Describe every chart that the results allow, in the order of the report."""
    modules = sorted(discover(figures, Figure).values(), key=lambda module: module.ORDER)
    return {chart.name: chart for module in modules for chart in module.describe(results)}
