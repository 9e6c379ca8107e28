"""report.md: the same content as the page, for repositories and reviews."""

from __future__ import annotations

import re
from collections.abc import Mapping

from synthetic_instruction_tuner.reporting import page
from synthetic_instruction_tuner.reporting.charts.chart import Chart
from synthetic_instruction_tuner.reporting.store import Results


def render(results: Results, charts: Mapping[str, Chart]) -> str:
    """Render the report as Markdown; texts of models stay literal inside fences."""
    from jinja2 import Environment

    environment = Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False)
    environment.filters |= {"cell": cell, "fenced": fenced}
    text = environment.from_string(page.template("report.md.j2")).render(
        **page.content(results, charts),
        fill=results.text,
        number=results.number,
        label=results.label,
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def cell(text: object) -> str:
    """Write one line of text so that it is neither markup nor a column border."""
    line = " ".join(str(text).split(" ")).replace("\n", " ")
    return re.sub(r"([|<>`*_\[\]\\])", r"\\\1", line)


def fenced(text: object) -> str:
    """Put text into a fence longer than any run of backticks in it."""
    body = str(text)
    longest = max((len(run) for run in re.findall(r"`+", body)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{body}\n{fence}\n"
