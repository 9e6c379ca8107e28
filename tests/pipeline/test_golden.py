"""What stages write, against golden digests; of those with a model, the draws.

A failure says which of `VERSIONS` to raise: artifacts of that stage in workspaces that exist are
then made anew. Bytes must not change unnoticed, or finished studies mix old and new.
"""

import json

import pytest
from support import golden, measured_study

from synthetic_instruction_tuner.analysis.run import compare
from synthetic_instruction_tuner.config import StudyConfig, presets
from synthetic_instruction_tuner.evaluation.items import write_items
from synthetic_instruction_tuner.filtering.run import filter_rows
from synthetic_instruction_tuner.generation.importing import import_rows
from synthetic_instruction_tuner.generation.run import draw_chunk
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.reporting import pdf
from synthetic_instruction_tuner.reporting.run import write_report
from synthetic_instruction_tuner.study.graph import Study

SAID = (
    "Without {0} the day lacks what keeps {1} people going until the evening comes round again.",
    "Most of us notice {0} only when it is gone; then {1} small habits have to change at once.",
    "Ask a neighbour: {0} brings {1} of them together, and nobody quite knows how that began.",
    "There are {1} good reasons, of which the best is that {0} costs little and lasts for long.",
)
NOT_CONTENT = {"manifest.json", "summary.json"}


def texts(folder):
    """The text files of an artifact."""
    return {
        path.relative_to(folder).as_posix(): path.read_text("utf-8")
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".json", ".jsonl", ".md", ".yaml") and path.name not in NOT_CONTENT
    }


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    rows = [
        {
            "instruction": f"Explain in {n} words why {word} matters.",
            "output": SAID[n % 4].format(word, n),
        }
        for n, word in enumerate(["rain", "bread", "music", "sleep", "soil", "ink"] * 4, start=8)
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, [*rows, {"bad": 1}, rows[0]])))
    values = {
        "name": "golden",
        "generation": {"source": str(folder / "rows.jsonl")},
        "filtering": {"target": 10, "decontaminate": False},
    }
    study = Study(StudyConfig.model_validate(values), folder / "study")
    import_rows(study, Silent())
    return study


def test_imported_rows(imported):
    golden.check("imports", texts(imported.store.require(imported.draws).folder))


def test_generation(tmp_path):
    study = Study(presets.load("sandbox-smoke", ["generation.chunk_size=8"]), tmp_path)
    drawn = draw_chunk(study, 0, 7, Silent())
    golden.check("generation", texts(drawn.folder))


def test_filtering(imported):
    filter_rows(imported, 26, Silent())
    golden.check("filtering", texts(imported.store.require(imported.filtered).folder))


def test_items(tmp_path):
    write_items(presets.load("sandbox-smoke"), tmp_path)
    golden.check("items", texts(tmp_path))


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    study = measured_study.build(tmp_path_factory.mktemp("measured"))
    compare(study)
    return study


def test_analysis(measured):
    store = measured_study.store_of(measured.store.require(measured.comparison))
    told = {
        name: one
        for name, one in store.items()
        if name not in ("software", "provenance", "machines")
    }
    golden.check("analysis", golden.rounded(told))


def test_reporting(measured, monkeypatch):
    monkeypatch.setattr(pdf, "find_browser", lambda: None)
    golden.check("reporting", texts(write_report(measured).folder))
