"""Votes of people: blinded export of a study's answers, import, win rates in the report."""

import csv
import json

import pytest
from support import measured_study

from synthetic_instruction_tuner.analysis import votes
from synthetic_instruction_tuner.analysis.run import compare
from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.reporting import pdf
from synthetic_instruction_tuner.reporting.run import write_report
from synthetic_instruction_tuner.study.workspace import remember
from tuner.commands.human import export_pairs, import_votes


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.setattr(pdf, "find_browser", lambda: None)
    config = measured_study.settings(
        items=40,
        evaluation={"benchmarks": [{"name": "verifiable", "items": 40}]},
        training={"student": {"name": "a/b"}, "arms": [{"name": "sft", "method": "lora"}]},
    )
    made = measured_study.build(tmp_path / "ws", config, skip=["filtered", "pairs"])
    remember(made)
    return made


def vote(study, name, choose):
    """Fill in the table that raters get; `choose` sees the key entry, as no rater does."""
    key = json.loads((study.root / "human/key.json").read_text())
    path = study.root / f"{name}.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["pair", "vote", "rater"])
        for pair, sides in key.items():
            writer.writerow([pair, choose(sides), name])
    return path


def prefers_sft(sides):
    return "left" if sides["left"] == "sft" else "right"


def test_votes_go_out_blind_and_come_back_as_win_rates_in_the_report(study, capsys):
    export_pairs(models=None, workspace=study.root, benchmark=None, prompts=10)
    said = capsys.readouterr().out
    assert "pairs.html" in said
    assert "keep it from the raters" in said
    page = (study.root / "human/for-raters/pairs.html").read_text("utf-8")
    assert "sft" not in page
    pairs = page.count("<fieldset")
    assert 0 < pairs <= 10
    export_pairs(models=["sft", "base"], workspace=study.root, benchmark="verifiable", prompts=10)
    assert (study.root / "human/for-raters/pairs.html").read_text("utf-8") == page

    files = [vote(study, "ann", prefers_sft), vote(study, "bob", lambda sides: "tie")]
    import_votes(files=files, workspace=study.root)
    store = measured_study.store_of(study.store.require(study.comparison))
    assert store["votes"]["raters"] == 2
    assert store["votes"]["votes"] == 2 * pairs
    (rate,) = store["votes"]["win_rates"]
    assert (rate["model"], rate["opponent"]) == ("base", "sft")
    assert (rate["wins"], rate["losses"], rate["ties"]) == (0, pairs, 0)
    assert rate["agreement"] == 0.0
    text = study.store.require(study.report).path("report.html").read_text("utf-8")
    assert '<table id="votes"' in text
    stored = study.store.require(votes.artifact(study)).path("votes.jsonl").read_text("utf-8")
    assert "ann" not in stored  # raters are numbered


def test_without_votes_the_report_says_so(study):
    compare(study)
    page = write_report(study).path("report.html").read_text("utf-8")
    assert "<p>Not measured: no votes imported.</p>" in page


def test_votes_on_answers_that_are_gone_count_for_nothing(study, monkeypatch):
    votes.export(study, None, [], 5)
    files = [vote(study, "ann", prefers_sft)]
    votes.import_votes(study, files)
    assert votes.describe(study, 0.05)["status"] == "measured"
    benchmark = study.config.evaluation.benchmarks[0]
    monkeypatch.setitem(measured_study.ABILITY["sft"], "verifiable", 0.9)
    measured_study.write_result(study, study.subject("sft"), benchmark)
    assert votes.describe(study, 0.05) == {
        "status": "not measured",
        "why": "the votes are about other answers",
    }
    with pytest.raises(StageError, match="not those of the study any more"):
        votes.import_votes(study, files)
    with pytest.raises(ConfigurationError, match="holds another export"):
        votes.export(study, None, [], 5)


def test_votes_imported_again_replace_the_earlier_ones(study):
    votes.export(study, None, [], 5)
    votes.import_votes(study, [vote(study, "ann", prefers_sft)])
    assert votes.describe(study, 0.05)["win_rates"][0]["rate"] == 0.0
    votes.import_votes(study, [vote(study, "bob", lambda sides: "tie")])
    assert votes.describe(study, 0.05)["win_rates"][0]["rate"] is None
    assert votes.describe(study, 0.05)["raters"] == 1


def test_edited_votes_are_not_votes(study):
    votes.export(study, None, [], 5)
    manifest = votes.import_votes(study, [vote(study, "ann", prefers_sft)])
    path = manifest.path("votes.jsonl")
    path.write_text(path.read_text().replace('"left"', '"right"'))
    assert votes.describe(study, 0.05)["why"] == "no votes imported"


def test_what_cannot_be_compared_is_named(study):
    with pytest.raises(ConfigurationError, match="unknown model 'dpo'"):
        votes.export(study, None, ["dpo"], 5)
    with pytest.raises(ConfigurationError, match="freely written answers on 'mmlu'"):
        votes.export(study, "mmlu", [], 5)
    with pytest.raises(ConfigurationError, match="`tuner human export` makes one"):
        votes.import_votes(study, [])
