"""Charts as PNG and SVG by matplotlib, without a browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.reporting.charts import ticks
from synthetic_instruction_tuner.reporting.charts.chart import (
    LIGHT,
    PALE,
    Chart,
    Series,
    colour_of,
    marker_of,
    style_of,
)
from synthetic_instruction_tuner.reporting.format import FORMS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, GRID = "#1f2933", "#e4e7eb"
POINTS_MARKERS = ("o", "s", "D", "^", "v", "p", "*", "X")
WIDTH = 7.2
"""Inches."""
DPI = 160
SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": PALE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 12,
    "axes.axisbelow": True,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": GRID,
    "legend.frameon": False,
    "svg.hashsalt": "synthetic-instruction-tuner",
    "svg.fonttype": "none",
}


def save(chart: Chart, models: list[str], folder: Path) -> None:
    """Draw a chart and write it as <name>.png and <name>.svg; equal input gives equal bytes."""
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.use("Agg")
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(WIDTH, height(chart)), layout="constrained")
        axes = figure.add_subplot()
        DRAW[chart.kind](axes, chart, models)
        axes.set_title(chart.title)
        axes.set_xlabel(chart.x_label)
        if len(chart.series) > 1 and not is_labelled(chart):
            figure.legend(loc="outside lower left", ncols=min(4, len(chart.series)), fontsize=9)
        figure.savefig(folder / f"{chart.name}.png", dpi=DPI, metadata={"Software": None})
        figure.set_layout_engine("none")  # it is laid out; the SVG takes the same places
        figure.savefig(folder / f"{chart.name}.svg", metadata={"Date": None, "Creator": None})


def height(chart: Chart) -> float:
    """Inches that a chart needs: rows of bars or dots, or a fixed height."""
    if chart.kind in ("lines", "scatter"):
        return 4.3
    if chart.kind == "bars":
        return 1.3 + 0.42 * sum(len(one.y) for one in chart.series)
    return 1.6 + (0.22 * len(chart.series) + 0.3) * len(categories(chart))


def categories(chart: Chart) -> list[str]:
    """List the categories of bars or dots in the order in which they appear."""
    return list(dict.fromkeys(str(name) for one in chart.series for name in one.y))


def is_labelled(chart: Chart) -> bool:
    """Whether every bar has its name beside it, so that a legend would repeat it."""
    return chart.kind == "bars" and len(categories(chart)) == sum(len(s.y) for s in chart.series)


def rows(chart: Chart) -> dict[tuple[int, str], float]:
    """Place every (series, category) on the vertical axis, series of a category side by side."""
    placed = {}
    for position, name in enumerate(categories(chart)):
        own = [index for index, one in enumerate(chart.series) if name in one.y]
        step = 0.8 / len(own)
        for turn, index in enumerate(own):
            placed[index, name] = position + (turn - (len(own) - 1) / 2) * step
    return placed


def _value_axis(axes: Axes, chart: Chart) -> None:
    axes.grid(axis="x", linewidth=0.8)
    names = categories(chart)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(lambda value, _: ticks.write(value, chart.form))
    if chart.reference is not None:
        axes.axvline(chart.reference, color=INK, linewidth=0.9)


def _errors(one: Series, index: int, value: float) -> list[list[float]] | None:
    if one.low is None or one.high is None:
        return None
    return [[max(0.0, value - one.low[index])], [max(0.0, one.high[index] - value)]]


def _bars(axes: Axes, chart: Chart, models: list[str]) -> None:
    placed, several = rows(chart), not is_labelled(chart)
    for position, one in enumerate(chart.series):
        for index, (value, name) in enumerate(zip(one.x, one.y, strict=True)):
            height = 0.34 if several else 0.62
            at = placed[position, str(name)]
            axes.barh(at, value, height, color=colour_of(one, models))
            error = _errors(one, index, value)
            if error:
                axes.errorbar(value, at, xerr=error, color=INK, capsize=3, linewidth=1.1)
            end = one.high[index] if one.high is not None else value
            text = FORMS[chart.form](value)
            axes.annotate(text, (end, at), (5, 0), textcoords="offset points", va="center")
    _value_axis(axes, chart)
    axes.margins(x=0.14)
    axes.set_xlim(left=0)
    for one in chart.series:
        axes.barh(0, 0, color=colour_of(one, models), label=one.name)


def _dots(axes: Axes, chart: Chart, models: list[str]) -> None:
    placed = rows(chart)
    for position, one in enumerate(chart.series):
        style = style_of(one.model, models)
        marker = POINTS_MARKERS[marker_of(one.model, models)] if one.emphasis else "|"
        for index, (value, name) in enumerate(zip(one.x, one.y, strict=True)):
            axes.errorbar(
                value,
                placed[position, str(name)],
                xerr=_errors(one, index, value),
                fmt=marker,
                markersize=5.5 if one.emphasis else 11,
                color=LIGHT[style] if one.emphasis else "#8a919c",
                linewidth=1.4,
                label=one.name if index == 0 else None,
            )
    _value_axis(axes, chart)


def _lines(axes: Axes, chart: Chart, models: list[str]) -> None:
    for one in chart.series:
        style = style_of(one.model, models)
        axes.plot(
            one.x,
            one.y,
            marker=POINTS_MARKERS[marker_of(one.model, models)],
            markersize=4.5,
            linewidth=1.8,
            color=LIGHT[style],
            label=one.name,
        )
    axes.grid(axis="y", linewidth=0.8)
    axes.set_ylabel(chart.y_label)
    axes.yaxis.set_major_formatter(lambda value, _: ticks.write(value, chart.form))


def _scatter(axes: Axes, chart: Chart, models: list[str]) -> None:
    for one in chart.series:
        style, (x, y) = style_of(one.model, models), (one.x[0], float(one.y[0]))
        error = _errors(one, 0, y)
        marker, colour = POINTS_MARKERS[marker_of(one.model, models)], LIGHT[style]
        axes.errorbar(
            x, y, yerr=error, fmt=marker, markersize=9, color=colour, capsize=3, label=one.name
        )
    if chart.log:
        _log_axis(axes, chart)
    if chart.reference is not None:
        axes.axhline(chart.reference, color=LIGHT[0], linewidth=1.2, linestyle=(0, (4, 3)))
        axes.annotate(
            chart.reference_label,
            (0.99, chart.reference),
            (0, 4),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            color=LIGHT[0],
        )
    axes.grid(linewidth=0.8)
    axes.set_ylabel(chart.y_label)
    axes.yaxis.set_major_formatter(lambda value, _: ticks.write(value, chart.form))


def log_range(chart: Chart) -> tuple[float, float]:
    """Return the ends of a logarithmic axis, with room also when all costs are alike."""
    costs = [one.x[0] for one in chart.series]
    return min(costs) / 1.8, max(costs) * 1.8


def _log_axis(axes: Axes, chart: Chart) -> None:
    low, high = log_range(chart)
    marks = ticks.logarithmic(low, high, chart.x_form)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.set_xticks(marks, [ticks.write(one, chart.x_form) for one in marks])
    axes.set_xticks([], minor=True)


DRAW: Mapping[str, Callable[[Any, Chart, list[str]], None]] = {
    "bars": _bars,
    "dots": _dots,
    "lines": _lines,
    "scatter": _scatter,
}
