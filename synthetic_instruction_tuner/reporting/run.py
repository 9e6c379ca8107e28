"""Figures, report, slides and cards, all rendered from one committed comparison."""

from __future__ import annotations

import time

from synthetic_instruction_tuner.analysis.provenance import content_of, current
from synthetic_instruction_tuner.analysis.run import COMPARISON
from synthetic_instruction_tuner.artifacts import Manifest
from synthetic_instruction_tuner.reporting import catalogue, page, pictures
from synthetic_instruction_tuner.reporting.store import Results
from synthetic_instruction_tuner.study import Study


def draw_figures(study: Study) -> Manifest:
    """Draw every chart as PNG and SVG.

    Raises:
        StageError: If there is no comparison yet.
    """
    comparison = study.store.require(study.comparison)
    made_from = {"comparison": content_of(comparison)}
    found = current(study, study.figures, made_from)
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
    """Write report.html, report.md, slides.pptx and the cards.

    Raises:
        StageError: If there is no comparison yet.
    """
    comparison = study.store.require(study.comparison)
    made_from = {"comparison": content_of(comparison)}
    found = current(study, study.report, made_from)
    if found is not None:
        return found
    started = time.monotonic()
    results = Results.read(comparison.path(COMPARISON))
    charts = catalogue.charts(results)
    with study.store.writing(study.report) as folder:
        (folder / "report.html").write_text(
            page.render(results, charts), encoding="utf-8", newline="\n"
        )
    facts = {"made_from": made_from}
    return study.store.commit(study.report, facts, time.monotonic() - started)
