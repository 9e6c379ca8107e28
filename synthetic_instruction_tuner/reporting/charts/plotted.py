"""Charts as plotly figures for notebooks: the descriptions of the page, in its light theme."""

from __future__ import annotations

import html
import textwrap
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.reporting.charts import interactive
from synthetic_instruction_tuner.reporting.charts.chart import LIGHT, PALE, Chart
from synthetic_instruction_tuner.reporting.charts.pictures import GRID, INK
from synthetic_instruction_tuner.reporting.store import Results

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

COLOURS = {
    "@ink": INK,
    "@pale": PALE,
    "@muted": LIGHT[0],
    **{f"@{place}": colour for place, colour in enumerate(LIGHT)},
}


def figure(chart: Chart, results: Results) -> Figure:
    """Draw a chart of the report; its note on how to read it stands below the title."""
    from plotly.graph_objects import Figure

    described = _dressed(interactive.describe(chart, results.models))
    drawn = Figure(described)
    axes = {"gridcolor": GRID, "linecolor": GRID, "automargin": True}
    drawn.update_xaxes(**axes)
    drawn.update_yaxes(**axes)
    drawn.update_layout(
        title={
            "text": html.escape(chart.title, quote=False),
            "subtitle": {"text": _wrapped(results.text(chart.note))},
        },
        template="none",
        font={"family": "system-ui, sans-serif", "size": 13, "color": INK},
        paper_bgcolor="white",
        plot_bgcolor="white",
        margin={"l": 10, "r": 24, "t": 120, "b": 60},
        legend={"orientation": "h", "yref": "container", "y": 0, "yanchor": "bottom", "x": 0},
        height=drawn.layout.height + 100,
    )
    return drawn


def _wrapped(text: str) -> str:
    return "<br>".join(map(html.escape, textwrap.wrap(text, 110)))


def _dressed(value: object) -> object:
    """Replace positions in the page's palette by colours, and escape what is no colour."""
    if isinstance(value, dict):
        return {name: _dressed(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_dressed(one) for one in value]
    if isinstance(value, str):  # plotly reads a subset of HTML in labels
        return COLOURS.get(value) or html.escape(value, quote=False)
    return value
