"""report.html: one file, readable offline, on a phone, in light and dark."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

from synthetic_instruction_tuner.reporting import criteria, findings, methods
from synthetic_instruction_tuner.reporting.charts import interactive
from synthetic_instruction_tuner.reporting.charts.chart import Chart
from synthetic_instruction_tuner.reporting.charts.figures.funnel import rule_label
from synthetic_instruction_tuner.reporting.glossary import GLOSSARY, SECTIONS
from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.reporting.tables import (
    tables,
    tables_base,
    tables_data,
    tables_skills,
    tables_tuning,
    tables_variety,
)
from synthetic_instruction_tuner.reporting.tables.tables import Table


def render(results: Results, charts: Mapping[str, Chart]) -> str:
    """Render the page; whatever models or settings wrote is escaped."""
    from jinja2 import Environment
    from markupsafe import Markup

    script, plotly = template("report.js"), plotly_library()
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    numbers = {name: position for position, (name, _) in enumerate(SECTIONS, start=1)}
    titles = dict(SECTIONS)

    def heading(name: str) -> Markup:
        return Markup('<h2><span class="number">{}</span>{}</h2>').format(
            numbers[name], titles[name]
        )

    page = environment.from_string(template("report.html.j2"))
    return page.render(
        **content(results, charts),
        fill=lambda text: Markup(results.html(text)),
        tagged=lambda path, form: Markup(results.tagged(path, form)),
        heading=heading,
        label=results.label,
        css=Markup(template("style.css")),
        script=Markup(script),
        plotly=Markup(plotly),
        chart_data=Markup(
            as_json({k: interactive.describe(c, results.models) for k, c in charts.items()})
        ),
        policy=content_policy(script, plotly),
    ).lstrip()


def content(results: Results, charts: Mapping[str, Chart]) -> dict[str, Any]:
    """Collect what the sections show, the same for HTML and Markdown."""
    store = results.data
    dataset = store["dataset"]
    return {
        "study": store["study"],
        "software": store["software"],
        "sections": SECTIONS,
        "charts": charts,
        "headline": findings.headline(results),
        "related": methods.RELATED,
        "methods": methods.paragraphs(results),
        "failed": criteria.failed(results),
        "rules_of": criteria.rules(results),
        "summary": findings.summary(results),
        "costs": findings.costs(results),
        "preference": findings.preference(results),
        "conclusion": findings.conclusion(results),
        "limitations": findings.limitations(results),
        "arms": ", ".join(results.label(arm) for arm in results.arms) or "none",
        "recommendations": [
            {**one, "choice": tables.choice(results, one)} for one in store["recommendations"]
        ],
        "rules": [
            {"label": rule_label(one["rule"]), "examples": one["examples"], "count": one["count"]}
            for one in dataset.get("rules", [])
        ],
        "kept": dataset.get("examples", []),
        "has_preference": store["preference"]["status"] != "not part of this study",
        "tables": all_tables(results),
        "skills": _skills(results),
        "votes": store["votes"],
        "transcripts": store["transcripts"],
        "conditions": {
            name: json.dumps(run["conditions"], ensure_ascii=False)
            for name, run in store["training"].items()
            if run["status"] == "measured"
        },
        "glossary": GLOSSARY,
    }


def all_tables(results: Results) -> dict[str, Table | None]:
    """Make every table of the report."""
    return {
        "gates": tables.gates(results),
        "data": tables_data.data(results),
        "diversity": tables_variety.diversity(results),
        "signals": tables_variety.signals(results),
        "methods": tables_data.methods(results),
        "targets": methods.targets(results),
        "departures": methods.departures(results),
        "preference": tables_data.preference(results),
        "training": tables_data.training(results),
        "tuning": tables_tuning.tuning(results),
        "trials": tables_tuning.trials(results),
        "scores": tables_base.scores(results),
        "base_prompts": tables_base.prompts(results),
        "benchmarks": tables_data.benchmarks(results),
        "commonest": tables_data.commonest(results),
        "character": tables_data.character(results),
        "primary": tables.comparisons(results, "primary"),
        "exploratory": tables.comparisons(results, "exploratory"),
        "votes": tables_skills.votes(results),
        "seeds": tables_data.seeds(results),
        "efficiency": tables.efficiency(results),
        "pareto": tables.pareto(results),
        "recommendations": tables.recommendations(results),
        "scorers": tables_skills.scorers(results),
    }


def _skills(results: Results) -> dict[str, list[Table]]:
    """Make the tables that take single benchmarks apart; empty lists where there are none."""
    return {
        "constraints": tables_skills.constraints(results),
        "agents": tables_skills.agents(results),
        "errors": tables_skills.agent_errors(results),
    }


def template(name: str) -> str:
    """Read a file of `reporting/templates/`."""
    folder = resources.files("synthetic_instruction_tuner.reporting") / "templates"
    return (folder / name).read_text(encoding="utf-8")


def plotly_library() -> str:
    """Read plotly.js from the installed package: embedded once, nothing is downloaded."""
    file = resources.files("plotly") / "package_data" / "plotly.min.js"
    return file.read_text(encoding="utf-8")


def as_json(value: object) -> str:
    """Write JSON that cannot end its <script> element; strings are escaped for plotly's labels."""
    text = json.dumps(_escaped(value), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _escaped(value: object) -> Any:
    """Escape every string, because plotly reads a subset of HTML in labels."""
    if isinstance(value, str):
        return html.escape(value, quote=False)
    if isinstance(value, Mapping):
        return {key: _escaped(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_escaped(one) for one in value]
    return value


def content_policy(*scripts: str) -> str:
    """Allow exactly these scripts and no connection: even unescaped text could not run."""
    hashes = " ".join(
        "'sha256-" + base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() + "'"
        for one in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
