"""What a finished stage shows in the Prefect UI: tables, and the report with its charts."""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from prefect import runtime
from prefect.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)
from prefect.settings import get_current_settings

from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.stages import Stage
from tasks.watching import artifact_key

logger = logging.getLogger(__name__)

MOST_BYTES = 4 * 2**20
"""Largest report that is shown with its charts: Prefect Cloud takes bodies of 5 MiB."""
Row = dict[str, Any]


def publish(study: Study, stage: Stage) -> str | None:
    """Show what a stage has made, on the page of the run that a deployment started.

    A stage inside a study shows nothing on its own page: the study's page has it all. A server
    that does not answer costs the view, never the work.

    Returns:
        Address of the report in the UI, if this stage wrote it.
    """
    if runtime.deployment.id is None or runtime.flow_run.parent_flow_run_id is not None:
        return None
    try:
        for title, rows in tables(study, stage).items():
            create_table_artifact(
                rows, key=artifact_key(f"{study.config.name}-{title}"), description=title
            )
        if stage == "report" and (manifest := study.store.find(study.report)):
            identity = create_markdown_artifact(
                with_charts(manifest.path("report.md")),
                key=artifact_key(f"{study.config.name}-report"),
                description=f"Also as page and slides in {manifest.folder}",
            )
            address = f"{get_current_settings().ui_url or ''}/artifacts/artifact/{identity}"
            create_link_artifact(
                address,
                link_text=f"Report of {study.config.name}",
                key=artifact_key(f"{study.config.name}-report-link"),
                description="The report in this UI; the page itself lies in the workspace",
            )
            _show_charts(study)
            return address
    except httpx.HTTPError as error:
        logger.warning("the tables of stage %s could not be shown: %s", stage, error)
    return None


def _show_charts(study: Study) -> None:
    """Show each chart as a picture of its own, beside those in the report."""
    if (figures := study.store.find(study.figures)) is None:
        return
    for chart in sorted(figures.folder.glob("*.png")):
        create_image_artifact(
            f"data:image/png;base64,{_encoded(chart)}",
            key=artifact_key(f"{study.config.name}-chart-{chart.stem}"),
            description=f"Chart of study {study.config.name}: {chart.stem.replace('_', ' ')}",
        )


def _encoded(picture: Path) -> str:
    return base64.b64encode(picture.read_bytes()).decode()


def tables(study: Study, stage: Stage) -> dict[str, list[Row]]:
    """Return the tables of a stage by title; none while it is not done."""
    make = _TABLES.get(stage)
    return make(study) if make else {}


def _funnel(study: Study) -> dict[str, list[Row]]:
    manifest = study.store.find(study.filtered)
    return {"Funnel": [_pick(one, *STEP) for one in manifest.facts["funnel"]]} if manifest else {}


def _arms(study: Study) -> dict[str, list[Row]]:
    found = [(one, study.store.find(study.trained(one))) for one in study.subjects[1:]]
    rows = [
        {
            "arm": subject.name,
            "loss": manifest.facts["evaluation"].get("loss"),
            "seconds": round(manifest.seconds, 1),
            "device": manifest.facts["device"],
            "precision": manifest.facts["precision"],
        }
        for subject, manifest in found
        if manifest
    ]
    return {"Arms": rows} if rows else {}


def _comparison(study: Study) -> dict[str, list[Row]]:
    manifest = study.store.find(study.comparison)
    if manifest is None:
        return {}
    gates = json.loads(manifest.path("gates.json").read_text(encoding="utf-8"))
    scores = json.loads(manifest.path("scores.json").read_text(encoding="utf-8"))
    compared = json.loads(manifest.path("comparisons.json").read_text(encoding="utf-8"))
    return {
        "Gates": [_pick(one, *JUDGED) for one in gates],
        "Scores": [
            {"model": model}
            | {name: _pick(one, "score")["score"] for name, one in benchmarks.items()}
            for model, benchmarks in scores.items()
        ],
        "Comparison": [
            {"benchmark": name} | _pick(one, *COMPARED)
            for benchmarks in compared.values()
            for name, one in benchmarks.items()
        ],
    }


STEP = ("step", "in", "rejected", "left")
JUDGED = ("label", "value", "comparison", "threshold", "state")
COMPARED = ("challenger", "reference", "delta", "low", "high", "p_corrected", "verdict")
_TABLES: dict[Stage, Callable[[Study], dict[str, list[Row]]]] = {
    "filtering": _funnel,
    "training": _arms,
    "report": _comparison,
}


def _pick(values: Row, *names: str) -> Row:
    """Return some values in this order, numbers as short as people read them."""
    return {name: _short(values.get(name)) for name in names}


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


def with_charts(report: Path) -> str:
    """Return a report with its charts inside the text, or without charts if that is too large."""
    text = report.read_text(encoding="utf-8")

    def inline(match: re.Match[str]) -> str:
        return f"![{match[1]}](data:image/png;base64,{_encoded(report.parent / match[2])})"

    picture = re.compile(r"!\[([^\]]*)\]\(([^)]+\.png)\)")
    shown = picture.sub(inline, text)
    return shown if len(shown) <= MOST_BYTES else picture.sub(r"*Chart: \1*", text)
