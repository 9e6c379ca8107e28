"""What a run shows: progress, tables, the report; a server that is away costs the view only."""

import json
from types import SimpleNamespace

import httpx
import pytest

from synthetic_instruction_tuner import progress
from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.study.graph import Study
from tasks import publishing, watching
from tasks.naming import merged, study_name
from tasks.story import Story
from tasks.watching import RunProgress, artifact_key


@pytest.fixture
def shown(monkeypatch):
    found = []
    monkeypatch.setattr(
        watching,
        "create_progress_artifact",
        lambda percent, key, description: found.append((key, percent, description)) or "id",
    )
    monkeypatch.setattr(
        watching,
        "update_progress_artifact",
        lambda identity, percent, description: found.append((identity, percent, description)),
    )
    return found


def test_long_work_moves_a_bar_every_15_seconds_and_at_the_end(shown):
    times = iter([0.0, 5.0, 16.0, 20.0, 32.0])
    bar = RunProgress("Lab_1", "Samples 0-99", clock=lambda: next(times, 40.0))
    bar.update(1, 100)  # at 5 s
    bar.update(20, 100, "400 tokens/s")  # at 16 s; the next is due 15 s after 20 s
    bar.update(30, 100)  # at 32 s: not yet
    bar.update(50, 100)  # at 40 s
    bar.update(100, 100)
    assert shown == [
        ("lab-1-progress-samples-0-99", 20.0, "Samples 0-99: 20/100 400 tokens/s"),
        ("id", 50.0, "Samples 0-99: 50/100"),
        ("id", 100.0, "Samples 0-99: 100/100"),
    ]


def test_short_work_leaves_no_bar(shown):
    bar = RunProgress("Lab_1", "Pairs", clock=lambda: 0.0)
    bar.update(0, 2)
    bar.update(2, 2)
    assert shown == []


def test_a_server_that_is_away_does_not_stop_the_work(monkeypatch, caplog):
    def fail(*_, **__):
        raise httpx.ConnectError("away")

    monkeypatch.setattr(watching, "create_progress_artifact", fail)
    times = iter([0.0, 20.0])
    RunProgress("Lab_1", "Rewards", clock=lambda: next(times, 20.0)).update(1, 2)
    assert "progress of Rewards could not be shown: away" in caplog.text


def test_without_a_deployment_nothing_changes():
    before = progress._start
    watching.watch("ops")
    assert progress._start is before


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("First try", "First try"),
        ("rank 16", "rank 16"),
        ("amber-falcon", "lab: samples"),  # two words of the server's
        ("omega3-tanuga", "lab: samples (omega3-tanuga)"),  # of the form's, or typed
    ],
)
def test_a_name_that_somebody_typed_stays(given, name):
    assert merged(given, "lab: samples") == name


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"preset": "sandbox"}, "sandbox"),
        ({"preset": "sandbox", "name": "mine"}, "mine"),
        ({"preset": "sandbox", "settings": {"name": "other"}}, "other"),
        ({"config": {"name": "whole"}}, "whole"),
        ({"config": presets.load("sandbox-smoke"), "preset": "sandbox"}, "sandbox-smoke"),
        ({}, ""),
    ],
)
def test_a_run_is_of_the_study_that_its_parameters_name(parameters, name):
    assert study_name(parameters) == name


def test_a_story_counts_steps_and_says_what_is_left(study):
    lines, bar, times = [], [], iter([0.0, 0.0, 10.0, 40.0, 40.0, 40.0])
    steps = [study.items, study.filtered, study.comparison, study.report]
    shown = SimpleNamespace(show=lambda percent, text: bar.append((percent, text)))
    story = Story(study, steps, lines.append, shown, clock=lambda: next(times, 40.0))
    story.count(study.items)  # at 10 s: the next line is due 15 s after the first
    story.count(study.filtered)  # at 40 s
    assert lines == ["filtered (2 of 4 steps, a minute left)"]
    assert bar == [(50.0, lines[0])]


def test_keys_have_only_what_prefect_allows():
    assert artifact_key("smoke_1: Training sft-seed43") == "smoke-1-training-sft-seed43"


@pytest.fixture
def study(tmp_path):
    made = Study(presets.load("sandbox-smoke"), tmp_path)
    funnel = [{"step": "length", "in": 3, "rejected": 1, "left": 2}]
    with made.store.writing(made.filtered) as folder:
        (folder / "examples.jsonl").write_text("")
    made.store.commit(made.filtered, {"funnel": funnel}, 1.0)
    with made.store.writing(made.comparison) as folder:
        gate = {"label": "Rows kept", "value": 2, "comparison": ">=", "threshold": 40}
        (folder / "gates.json").write_text(json.dumps([gate | {"state": "fail", "source": "x"}]))
        scores = {"base": {"mmlu": {"score": 0.25}, "speed": {"status": "not measured"}}}
        (folder / "scores.json").write_text(json.dumps(scores))
        pair = {
            "challenger": "sft",
            "reference": "base",
            "delta": -1 / 12,
            "verdict": "inconclusive",
        }
        (folder / "comparisons.json").write_text(json.dumps({"sft-vs-base": {"mmlu": pair}}))
    made.store.commit(made.comparison, {}, 1.0)
    return made


def test_tables_say_what_the_files_say_and_missing_stays_missing(study):
    assert publishing.tables(study, "filtering") == {
        "Funnel": [{"step": "length", "in": 3, "rejected": 1, "left": 2}]
    }
    (step,) = publishing.tables(study, "filtering")["Funnel"]
    assert list(step) == ["step", "in", "rejected", "left"]  # columns in the order of people
    found = publishing.tables(study, "report")
    assert found["Gates"][0]["state"] == "fail"
    assert found["Scores"] == [{"model": "base", "mmlu": 0.25, "speed": None}]
    assert found["Comparison"][0]["low"] is None
    assert found["Comparison"][0]["delta"] == -0.08333
    assert publishing.tables(study, "training") == {}  # nothing trained yet
    assert publishing.tables(study, "items") == {}


def test_a_report_carries_its_charts_unless_it_gets_too_large(tmp_path, monkeypatch):
    (tmp_path / "chart.png").write_bytes(b"png")
    report = tmp_path / "report.md"
    report.write_text("# Title\n\n![Loss](chart.png)\n")
    assert "![Loss](data:image/png;base64,cG5n)" in publishing.with_charts(report)
    monkeypatch.setattr(publishing, "MOST_BYTES", 10)
    assert publishing.with_charts(report) == "# Title\n\n*Chart: Loss*\n"


def test_every_chart_is_a_picture_of_its_own(study, monkeypatch):
    with study.store.writing(study.figures) as folder:
        (folder / "loss.png").write_bytes(b"png")
        (folder / "loss.json").write_text("{}")
    study.store.commit(study.figures, {}, 1.0)
    pictures = []
    monkeypatch.setattr(
        publishing,
        "create_image_artifact",
        lambda url, key, description: pictures.append((url, key, description)),
    )
    publishing._show_charts(study)
    assert pictures == [
        (
            "data:image/png;base64,cG5n",
            "sandbox-smoke-chart-loss",
            "Chart of study sandbox-smoke: loss",
        )
    ]
