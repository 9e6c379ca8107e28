"""Figures, report, slides and cards, all rendered from one committed comparison."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from synthetic_instruction_tuner.analysis.frames.catalogue import FOLDER
from synthetic_instruction_tuner.analysis.provenance import (
    content_of,
    describe_inputs,
    renewed,
)
from synthetic_instruction_tuner.analysis.run import COMPARISON
from synthetic_instruction_tuner.reporting import cards, markdown, page, pdf
from synthetic_instruction_tuner.reporting.charts import catalogue, pictures
from synthetic_instruction_tuner.reporting.charts.chart import Chart
from synthetic_instruction_tuner.reporting.slides import slides
from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.storage.manifests import copy_listed
from synthetic_instruction_tuner.study.graph import Study


def draw_figures(study: Study) -> Manifest:
    """Draw every chart as PNG and SVG.

    Raises:
        StageError: If there is no comparison yet.
    """
    comparison = study.store.require(study.comparison)
    made_from = {"comparison": content_of(comparison)}
    found = renewed(study, study.figures, made_from)
    if found is not None:
        return found
    started = time.monotonic()
    results = Results.read(comparison.path(COMPARISON))
    with study.store.writing(study.figures) as folder:
        for chart in catalogue.charts(results).values():
            pictures.save(chart, results.models, folder)
    facts = {"made_from": made_from}
    return study.store.commit(study.figures, facts, time.monotonic() - started)


def write_report(study: Study) -> Manifest:
    """Write report (HTML, Markdown, PDF where a browser is), slides, cards, and tables as CSV.

    Raises:
        StageError: If there is no comparison yet.
    """
    comparison = study.store.require(study.comparison)
    made_from = {"comparison": content_of(comparison)}
    found = renewed(study, study.report, made_from)
    if found is not None:
        return found
    started = time.monotonic()
    results = Results.read(comparison.path(COMPARISON))
    charts = catalogue.charts(results)
    with study.store.writing(study.report) as folder:
        for name, text in _texts(results, charts).items():
            write_text(folder / name, text)
        (folder / "slides.pptx").write_bytes(slides.render(results, charts))
        tables = [one for one in comparison.files if one.startswith(f"{FOLDER}/")]
        copy_listed(comparison, tables, folder / FOLDER, FOLDER)
        printed = pdf.print_page(folder / "report.html", folder / "report.pdf")
    facts = {"made_from": made_from, "pdf": printed}
    return study.store.commit(study.report, facts, time.monotonic() - started)


def set_aside_outdated(study: Study) -> None:
    """Set aside comparison, figures and report that were made from other inputs than are there.

    Their identities follow from the settings and do not change when a missing result comes in.
    Whoever asks only whether they exist (a cache) calls this first.
    """
    comparison = renewed(study, study.comparison, describe_inputs(study))
    made_from = {"comparison": content_of(comparison)}
    for artifact in (study.figures, study.report):
        renewed(study, artifact, made_from)


def _texts(results: Results, charts: Mapping[str, Chart]) -> dict[str, str]:
    """Render every text file of the report, by its path."""
    models = {f"cards/{arm}.md": cards.model_card(results, arm) for arm in results.arms}
    return {
        "report.html": page.render(results, charts),
        "report.md": markdown.render(results, charts),
        "cards/dataset.md": cards.dataset_card(results),
        **models,
    }


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 with plain line ends on every system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
