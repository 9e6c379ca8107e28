"""All figures of a report, found in `reporting/figures/`."""

from __future__ import annotations

from synthetic_instruction_tuner.discovery import discover
from synthetic_instruction_tuner.reporting.charts import figures
from synthetic_instruction_tuner.reporting.charts.chart import Chart
from synthetic_instruction_tuner.reporting.store import Results


def charts(results: Results) -> dict[str, Chart]:
    """Describe every chart that the results allow, in the order of the report."""
    modules = sorted(discover(figures).values(), key=lambda module: int(module.ORDER))
    return {chart.name: chart for module in modules for chart in module.describe(results)}
