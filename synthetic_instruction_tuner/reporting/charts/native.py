"""Charts of a presentation: native objects whose data can be edited, with intervals."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.reporting.charts import ticks
from synthetic_instruction_tuner.reporting.charts.chart import (
    PALE,
    Chart,
    colour_of,
    marker_of,
)
from synthetic_instruction_tuner.reporting.charts.pictures import categories, is_labelled, log_range
from synthetic_instruction_tuner.reporting.format import FORMS

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from pptx.slide import Slide

NUMBERS = {
    "percent": "0.0\\ %",
    "delta": "+0.0\\ %;-0.0\\ %",
    "count": "#,##0",
    "ratio": "0.00",
    "decimal": "0.0",
}
"""Number formats of a presentation program."""
SCALES = {"bytes": ((1e9, "GB"), (1e6, "MB"), (1e3, "KB")), "seconds": ((3600, "h"), (60, "min"))}
"""Units that values are divided by, for forms without a number format."""
CHART_SPACE = "http://schemas.openxmlformats.org/drawingml/2006/chart"


def add_chart(
    slide: Slide, chart: Chart, models: list[str], place: tuple[int, int, int, int]
) -> None:
    """Put a chart on a slide.

    Args:
        slide: The slide.
        chart: What to draw; dots are not drawn on slides.
        models: All models, for colours that stay the same.
        place: Left, top, width, height.
    """
    from pptx.enum.chart import XL_CHART_TYPE, XL_LEGEND_POSITION
    from pptx.util import Pt

    if chart.kind == "bars":
        kind, data = XL_CHART_TYPE.BAR_CLUSTERED, _bar_data(chart)
    else:
        kind = XL_CHART_TYPE.XY_SCATTER_LINES if chart.kind == "lines" else XL_CHART_TYPE.XY_SCATTER
        data = _plane_data(chart)
    drawn = slide.shapes.add_chart(kind, *place, data).chart
    drawn.font.size, drawn.font.name = Pt(14), "Calibri"
    drawn.has_title = False
    drawn.has_legend = not is_labelled(chart)
    if drawn.has_legend:
        drawn.legend.position = XL_LEGEND_POSITION.BOTTOM
        drawn.legend.include_in_layout = False
    _axes(drawn, chart)
    if chart.kind == "bars":
        _colour_bars(drawn, chart, models)
    else:
        _colour_points(drawn, chart, models)


def unit(chart: Chart, form: str, largest: float) -> tuple[float, str]:
    """Return what values are divided by, and the unit's name."""
    for factor, name in SCALES.get(form, ()):
        if largest >= factor:
            return float(factor), name
    return 1.0, {"seconds": "s", "bytes": "bytes"}.get(form, "")


def has_intervals(chart: Chart) -> bool:
    """Whether values come with intervals."""
    return any(one.low for one in chart.series)


def spans_decades(chart: Chart) -> bool:
    """Whether costs lie so far apart that only a logarithmic axis shows them."""
    costs = [one.x[0] for one in chart.series]
    return chart.log and max(costs) > 30 * min(costs)


def _bar_data(chart: Chart) -> Any:
    from pptx.chart.data import CategoryChartData

    names = categories(chart)
    data = CategoryChartData(number_format=NUMBERS.get(chart.form, "0.0"))
    data.categories = names
    factor, _ = unit(chart, chart.form, _largest(chart))
    if is_labelled(chart):
        values = {
            str(name): value / factor
            for one in chart.series
            for name, value in zip(one.y, one.x, strict=True)
        }
        if has_intervals(chart):  # the figure stands with the name, clear of the interval's line
            data.categories = [f"{name}: {FORMS[chart.form](values[name])}" for name in names]
        data.add_series(chart.x_label, [values[name] for name in names])
        return data
    for one in chart.series:
        own = {str(n): v / factor for n, v in zip(one.y, one.x, strict=True)}
        data.add_series(one.name, [own.get(name) for name in names])
    return data


def _largest(chart: Chart) -> float:
    return max(max(one.x) for one in chart.series)


def _plane_data(chart: Chart) -> Any:
    from pptx.chart.data import XyChartData

    data = XyChartData()
    factor, _ = unit(chart, chart.x_form, _largest(chart))
    for one in chart.series:
        series = data.add_series(one.name)
        for x, y in zip(one.x, one.y, strict=True):
            series.add_data_point(x / factor, float(y))
    return data


def _axes(drawn: Any, chart: Chart) -> None:
    from pptx.enum.chart import XL_TICK_LABEL_POSITION, XL_TICK_MARK
    from pptx.util import Pt

    bars = chart.kind == "bars"
    value, other = drawn.value_axis, drawn.category_axis
    for axis in (value, other):
        axis.format.line.color.rgb = _rgb(PALE)
        axis.major_tick_mark = XL_TICK_MARK.NONE
        axis.has_minor_gridlines = False
        axis.tick_labels.font.size = Pt(14)
    value.has_major_gridlines = True
    value.major_gridlines.format.line.color.rgb = _rgb("#e4e7eb")
    other.has_major_gridlines = False
    value.tick_labels.number_format = NUMBERS.get(chart.form, "0.0").replace(".0", "", 1)
    if chart.form == "ratio":
        largest = max((abs(float(y)) for one in chart.series for y in one.y), default=0.0)
        value.tick_labels.number_format = "0.0" if largest >= 1 else "0.00"
    value.tick_labels.number_format_is_linked = False
    other.tick_label_position = XL_TICK_LABEL_POSITION.LOW
    factor, name = unit(chart, chart.form if bars else chart.x_form, _largest(chart))
    suffix = f" ({name})" if name else ""
    if bars:
        other.reverse_order = True
        low = min(min(one.low or one.x) for one in chart.series) / factor
        value.minimum_scale = -ticks.linear(-low)[-1] if low < 0 else 0
        value.maximum_scale = ticks.linear(highest(chart) / factor)[-1]
        value.tick_label_position = XL_TICK_LABEL_POSITION.HIGH
        _title(value, chart.x_label.removesuffix(" (%)") + suffix)
        return
    _title(value, chart.y_label.removesuffix(" (%)"))
    if chart.kind == "scatter":
        value.minimum_scale, value.maximum_scale = _value_range(chart)
    _title(other, chart.x_label.replace(" (logarithmic)", "") + suffix)
    if not chart.log:
        return
    if spans_decades(chart):
        low, high = log_range(chart)
        _logarithmic(other, low / factor, high / factor)
    else:
        other.minimum_scale = 0
    other.tick_labels.number_format, other.tick_labels.number_format_is_linked = "#,##0.##", False


def highest(chart: Chart) -> float:
    """Return the largest value or upper end of an interval."""
    return max(max(one.high or one.x) for one in chart.series)


def _value_range(chart: Chart) -> tuple[float, float]:
    """Return round ends that hold all intervals: programs scale by the points alone."""
    lows = [one.low[0] if one.low else float(one.y[0]) for one in chart.series]
    highs = [one.high[0] if one.high else float(one.y[0]) for one in chart.series]
    step = 0.05
    return step * floor(min(lows) / step), step * ceil(max(highs) / step)


def _title(axis: Axis, text: str) -> None:
    from pptx.util import Pt

    axis.has_title = True
    axis.axis_title.text_frame.text = text
    font = axis.axis_title.text_frame.paragraphs[0].runs[0].font
    font.size, font.bold, font.color.rgb = Pt(14), False, _rgb("#5b6675")


def _logarithmic(axis: Axis, low: float, high: float) -> None:
    """Set a logarithmic scale that starts and ends at round marks."""
    scaling = axis._element.find(f"{{{CHART_SPACE}}}scaling")
    base = scaling.makeelement(f"{{{CHART_SPACE}}}logBase", {"val": "10"})
    scaling.insert(0, base)
    axis.minimum_scale, axis.maximum_scale = 10.0 ** floor(log10(low)), 10.0 ** ceil(log10(high))


def _colour_bars(drawn: Any, chart: Chart, models: list[str]) -> None:
    from pptx.util import Pt

    plot = drawn.plots[0]
    plot.gap_width, plot.overlap, plot.vary_by_categories = 55, -10, False
    plot.has_data_labels = True
    labels = plot.data_labels
    labels.font.size, labels.number_format_is_linked = Pt(14), False
    labels.number_format = NUMBERS.get(chart.form, "0.0")
    if is_labelled(chart):
        series, position = plot.series[0], 0
        lows: list[float] = []
        highs: list[float] = []
        for one in chart.series:
            for index, value in enumerate(one.x):
                fill = series.points[position].format.fill
                fill.solid()
                fill.fore_color.rgb = _rgb(colour_of(one, models))
                lows.append(value - one.low[index] if one.low else 0.0)
                highs.append(one.high[index] - value if one.high else 0.0)
                position += 1
        if has_intervals(chart):
            plot.has_data_labels = False
            _error_bars(series, "x", lows, highs)
        return
    for series, one in zip(plot.series, chart.series, strict=True):
        series.format.fill.solid()
        series.format.fill.fore_color.rgb = _rgb(colour_of(one, models))


def _colour_points(drawn: Any, chart: Chart, models: list[str]) -> None:
    from pptx.enum.chart import XL_MARKER_STYLE
    from pptx.util import Pt

    shapes = ("CIRCLE", "SQUARE", "DIAMOND", "TRIANGLE", "STAR", "X", "PLUS", "DASH")
    for series, one in zip(drawn.plots[0].series, chart.series, strict=True):
        colour, style = _rgb(colour_of(one, models)), marker_of(one.model, models)
        series.marker.style = getattr(XL_MARKER_STYLE, shapes[style])
        series.marker.size = 12 if chart.kind == "scatter" else 7
        series.marker.format.fill.solid()
        series.marker.format.fill.fore_color.rgb = colour
        series.marker.format.line.color.rgb = colour
        if chart.kind == "lines":
            series.smooth = False
            series.format.line.color.rgb, series.format.line.width = colour, Pt(2.25)
            continue
        series.format.line.fill.background()
        if one.low and one.high:
            value = float(one.y[0])
            _error_bars(series, "y", [value - one.low[0]], [one.high[0] - value])


def _error_bars(series: Any, direction: str, lows: list[float], highs: list[float]) -> None:
    """Add intervals; python-pptx has no call for them, so the XML is written here."""
    from pptx.oxml import parse_xml

    def literal(name: str, values: list[float]) -> str:
        points = "".join(
            f'<c:pt idx="{index}"><c:v>{max(0.0, value)!r}</c:v></c:pt>'
            for index, value in enumerate(values)
        )
        count = f'<c:ptCount val="{len(values)}"/>'
        content = f"<c:formatCode>General</c:formatCode>{count}{points}"
        return f"<c:{name}><c:numLit>{content}</c:numLit></c:{name}>"

    axis = "" if direction == "x" else f'<c:errDir val="{direction}"/>'
    xml = (
        f'<c:errBars xmlns:c="{CHART_SPACE}" '
        'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main">'
        f'{axis}<c:errBarType val="both"/><c:errValType val="cust"/><c:noEndCap val="0"/>'
        f"{literal('plus', highs)}{literal('minus', lows)}"
        '<c:spPr><a:ln w="15875"><a:solidFill><a:srgbClr val="1B2430"/></a:solidFill></a:ln>'
        "</c:spPr>"
        "</c:errBars>"
    )
    element = series._element
    values = next(
        child
        for child in element
        if child.tag in (f"{{{CHART_SPACE}}}cat", f"{{{CHART_SPACE}}}xVal", f"{{{CHART_SPACE}}}val")
    )
    values.addprevious(parse_xml(xml))


def _rgb(colour: str) -> Any:
    from pptx.dml.color import RGBColor

    return RGBColor.from_string(colour.lstrip("#").upper())
