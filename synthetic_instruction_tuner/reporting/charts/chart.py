"""What a chart shows, without saying how it is drawn: one description, three ways to draw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["bars", "dots", "lines", "scatter"]


@dataclass(frozen=True)
class Series:
    """One set of points with a colour and a marker of its own.

    Attributes:
        name: Label in the legend.
        model: Model the colour stands for; None: a neutral colour.
        x: Positions; categories for bars and dots are on y.
        y: Values of lines and scatter; categories of bars and dots.
        low: Lower ends of the intervals of the values, None without intervals.
        high: Upper ends.
        emphasis: False draws it pale (references, what was rejected).
    """

    name: str
    model: str | None
    x: tuple[float, ...]
    y: tuple[float | str, ...]
    low: tuple[float, ...] | None = None
    high: tuple[float, ...] | None = None
    emphasis: bool = True


@dataclass(frozen=True)
class Chart:
    """A figure of the report.

    Attributes:
        name: File name and anchor.
        title: What it shows, in words.
        note: How to read it; may hold references to figures.
        kind: Bars and dots are horizontal: values on x, categories on y.
        x_label: Quantity and unit of x.
        y_label: Quantity and unit of y.
        form: Form (see `reporting.format`) in which values are written.
        reference: A value with a thin line (zero, the base).
        log: Logarithmic x.
    """

    name: str
    title: str
    note: str
    kind: Kind
    series: tuple[Series, ...]
    x_label: str
    y_label: str = ""
    form: str = "percent"
    x_form: str = "decimal"
    reference: float | None = None
    reference_label: str = ""
    log: bool = False


LIGHT = ("#6b7280", "#0072b2", "#d55e00", "#009e73", "#b0508a", "#8a6d00", "#3a9bd9", "#7a4bb5")
DARK = ("#a3aab5", "#58b4e8", "#ff9a5c", "#4fd1a5", "#e79bc7", "#e3c55b", "#9ad1f5", "#bfa0ee")
"""Okabe-Ito order (distinct to colour-blind readers), darkened or lightened for contrast."""
MARKERS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "pentagon", "star", "x")
NEUTRAL = 0
PALE = "#c3c8d0"
"""What has no emphasis, axes and edges, where there is one theme."""


def style_of(model: str | None, models: list[str]) -> int:
    """Return the position of a model's colour; a model keeps it in every chart."""
    if model is None or model not in models:
        return NEUTRAL
    return models.index(model) % len(LIGHT)


def marker_of(model: str | None, models: list[str]) -> int:
    """Return the position of a model's marker: models of one colour have different ones."""
    if model is None or model not in models:
        return NEUTRAL
    place = models.index(model)
    return (place + 3 * (place // len(LIGHT))) % len(MARKERS)


def colour_of(one: Series, models: list[str]) -> str:
    """Return the colour of a series on a light ground."""
    return LIGHT[style_of(one.model, models)] if one.emphasis else PALE
