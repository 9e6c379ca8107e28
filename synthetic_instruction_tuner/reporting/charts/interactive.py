"""Charts for the HTML report, as plotly descriptions that the page draws in its own theme."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from synthetic_instruction_tuner.reporting.charts import ticks
from synthetic_instruction_tuner.reporting.charts.chart import (
    MARKERS,
    Chart,
    Series,
    marker_of,
    style_of,
)
from synthetic_instruction_tuner.reporting.charts.pictures import (
    categories,
    is_labelled,
    log_range,
    rows,
)
from synthetic_instruction_tuner.reporting.format import FORMS


def describe(chart: Chart, models: list[str]) -> dict[str, Any]:
    """Return traces and layout; colours are positions in the page's palette ("@3", "@pale")."""
    draw = DRAW[chart.kind]
    traces = [trace for index, _ in enumerate(chart.series) for trace in draw(chart, index, models)]
    layout = LAYOUT[chart.kind](chart)
    layout["showlegend"] = len(chart.series) > 1 and not is_labelled(chart)
    return {"data": traces, "layout": layout}


def _colour(one: Series, models: list[str]) -> str:
    return f"@{style_of(one.model, models)}" if one.emphasis else "@pale"


def _scale(chart: Chart) -> float:
    return 100.0 if chart.form in ticks.SCALED else 1.0


def _error(chart: Chart, one: Series, axis_values: tuple[Any, ...], colour: str) -> dict[str, Any]:
    if one.low is None or one.high is None:
        return {"visible": False}
    scale = _scale(chart)
    ups = [scale * (high - value) for high, value in zip(one.high, axis_values, strict=True)]
    downs = [scale * (value - low) for low, value in zip(one.low, axis_values, strict=True)]
    return {
        "type": "data",
        "symmetric": False,
        "array": [max(0.0, value) for value in ups],
        "arrayminus": [max(0.0, value) for value in downs],
        "color": colour,
        "thickness": 1.4,
        "width": 4,
    }


def _hover(chart: Chart, one: Series, values: tuple[Any, ...]) -> list[str]:
    """Write each value with its interval, as in the tables."""
    form = FORMS[chart.form]
    if one.low is None or one.high is None:
        return [form(value) for value in values]
    ends = zip(values, one.low, one.high, strict=True)
    return [f"{form(value)} ({form(low)} to {form(high)})" for value, low, high in ends]


def _bars(chart: Chart, index: int, models: list[str]) -> list[dict[str, Any]]:
    one, placed = chart.series[index], rows(chart)
    scale = _scale(chart)
    several = not is_labelled(chart)
    bar = {
        "type": "bar",
        "orientation": "h",
        "name": one.name,
        "x": [scale * value for value in one.x],
        "y": [placed[index, str(name)] for name in one.y],
        "width": 0.34 if several else 0.62,
        "marker": {"color": _colour(one, models)},
        "error_x": _error(chart, one, one.x, "@ink"),
        "hovertext": [
            f"{name}: {text}" for name, text in zip(one.y, _hover(chart, one, one.x), strict=True)
        ],
        "hoverinfo": "text",
    }
    ends = one.high if one.high is not None else one.x
    label = {
        "type": "scatter",
        "mode": "text",
        "x": [scale * value for value in ends],
        "y": bar["y"],
        "text": ["\u2002" + FORMS[chart.form](value) for value in one.x],
        "textposition": "middle right",
        "hoverinfo": "skip",
        "showlegend": False,
        "cliponaxis": False,
    }
    return [bar, label]


def _dots(chart: Chart, index: int, models: list[str]) -> list[dict[str, Any]]:
    one, placed = chart.series[index], rows(chart)
    style, colour = marker_of(one.model, models), _colour(one, models)
    marker = {"symbol": MARKERS[style], "size": 9, "color": colour}
    if not one.emphasis:
        marker = {"symbol": "line-ns-open", "size": 14, "color": "@muted", "line": {"width": 2}}
    texts = _hover(chart, one, one.x)
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": one.name,
            "x": [_scale(chart) * value for value in one.x],
            "y": [placed[index, str(name)] for name in one.y],
            "marker": marker,
            "error_x": _error(chart, one, one.x, colour),
            "hovertext": [
                f"{one.name}, {name}: {text}" for name, text in zip(one.y, texts, strict=True)
            ],
            "hoverinfo": "text",
        }
    ]


def _lines(chart: Chart, index: int, models: list[str]) -> list[dict[str, Any]]:
    one = chart.series[index]
    style, colour = marker_of(one.model, models), _colour(one, models)
    return [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": one.name,
            "x": list(one.x),
            "y": [_scale(chart) * float(value) for value in one.y],
            "line": {"color": colour, "width": 2},
            "marker": {"symbol": MARKERS[style], "size": 6, "color": colour},
            "hovertext": [
                f"{one.name}, step {x:.0f}: {FORMS[chart.form](y)}"
                for x, y in zip(one.x, one.y, strict=True)
            ],
            "hoverinfo": "text",
        }
    ]


def _scatter(chart: Chart, index: int, models: list[str]) -> list[dict[str, Any]]:
    one = chart.series[index]
    style, colour = marker_of(one.model, models), _colour(one, models)
    cost, text = FORMS[chart.x_form](one.x[0]), _hover(chart, one, one.y)[0]
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": one.name,
            "x": list(one.x),
            "y": [_scale(chart) * float(value) for value in one.y],
            "marker": {"symbol": MARKERS[style], "size": 13, "color": colour},
            "error_y": _error(chart, one, one.y, colour),
            "hovertext": [f"{one.name}: {text}, {cost}"],
            "hoverinfo": "text",
        }
    ]


def _value_layout(chart: Chart) -> dict[str, Any]:
    names = categories(chart)
    layout: dict[str, Any] = {
        "height": _height(chart),
        "xaxis": {"title": {"text": chart.x_label}, "zeroline": chart.reference == 0},
        "yaxis": {
            "tickvals": list(range(len(names))),
            "ticktext": names,
            "range": [len(names) - 0.4, -0.6],
            "showgrid": False,
            "zeroline": False,
        },
        "bargap": 0.1,
    }
    if chart.kind == "bars":
        layout["xaxis"]["rangemode"] = "tozero"
        ends = [max(one.high or one.x) for one in chart.series if one.x]
        layout["xaxis"]["range"] = [0, 1.3 * _scale(chart) * max([*ends, 1e-9])]
    if chart.form == "bytes":
        marks = ticks.linear(max(max(one.x) for one in chart.series))
        layout["xaxis"] |= _marks(marks, chart.form)
    return layout


def _marks(marks: list[float], form: str) -> dict[str, Any]:
    return {"tickvals": marks, "ticktext": [ticks.write(value, form) for value in marks]}


def _height(chart: Chart) -> int:
    if chart.kind == "bars":
        return 120 + 40 * sum(len(one.y) for one in chart.series)
    return 160 + (20 * len(chart.series) + 26) * len(categories(chart))


def _plane_layout(chart: Chart) -> dict[str, Any]:
    layout: dict[str, Any] = {
        "height": 400,
        "xaxis": {"title": {"text": chart.x_label}, "zeroline": False, "showgrid": chart.log},
        "yaxis": {"title": {"text": chart.y_label}, "zeroline": False},
    }
    if chart.log:
        layout["xaxis"] |= _log_axis(chart)
    if chart.reference is not None:
        at = _scale(chart) * chart.reference
        layout["shapes"] = [
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": at,
                "y1": at,
                "line": {"color": "@0", "width": 1.4, "dash": "dash"},
            }
        ]
        layout["annotations"] = [
            {
                "xref": "paper",
                "x": 1,
                "y": at,
                "text": chart.reference_label,
                "showarrow": False,
                "xanchor": "right",
                "yanchor": "bottom",
                "font": {"color": "@0"},
            }
        ]
    return layout


def _log_axis(chart: Chart) -> dict[str, Any]:
    """Round marks, written in the chart's unit."""
    from math import log10

    low, high = log_range(chart)
    marks = ticks.logarithmic(low, high, chart.x_form)
    return {"type": "log", "range": [log10(low), log10(high)], **_marks(marks, chart.x_form)}


DRAW: Mapping[str, Callable[[Chart, int, list[str]], list[dict[str, Any]]]] = {
    "bars": _bars,
    "dots": _dots,
    "lines": _lines,
    "scatter": _scatter,
}
LAYOUT: Mapping[str, Callable[[Chart], dict[str, Any]]] = {
    "bars": _value_layout,
    "dots": _value_layout,
    "lines": _plane_layout,
    "scatter": _plane_layout,
}
