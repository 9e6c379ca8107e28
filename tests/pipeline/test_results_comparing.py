"""Studies side by side: what is paired, what is refused, and that the numbers are the items'."""

import json
import sys

import pytest
from support import measured_study

from synthetic_instruction_tuner.analysis.statistics import mcnemar_midp
from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.results.comparing import compare_studies
from synthetic_instruction_tuner.study.workspace import remember
from tuner.main import main

BENCHMARKS = {
    "benchmarks": [{"name": "arc_easy", "items": 120}, {"name": "verifiable", "items": 60}]
}
ARMS = {"student": {"name": "a/b"}, "arms": [{"name": "sft", "method": "lora"}]}


def build(folder, name, skill=None, **benchmarks):
    config = measured_study.settings(name=name, evaluation=BENCHMARKS | benchmarks, training=ARMS)
    with pytest.MonkeyPatch.context() as patch:
        if skill is not None:
            own = {**measured_study.ABILITY["sft"], "arc_easy": skill}
            patch.setitem(measured_study.ABILITY, "sft", own)
        made = measured_study.build(folder, config, skip=["filtered", "pairs"])
    remember(made)
    return made


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    place = tmp_path_factory.mktemp("two")
    return build(place / "a", "rank-8"), build(place / "b", "rank-16", skill=0.9)


def test_models_of_one_name_are_paired_item_by_item(two):
    found = compare_studies(two)
    assert (found.studies, found.refused) == (("rank-8", "rank-16"), ())
    cells = {(one.model, one.benchmark): one.difference for one in found.differences}
    assert set(cells) == {(m, b) for m in ("base", "sft") for b in ("arc_easy", "verifiable")}
    assert cells["base", "arc_easy"].verdict == "identical"
    before = measured_study.score_items("sft", "arc_easy", 120)
    after = measured_study.score_items("sft", "arc_easy", 120, able=0.9)
    deltas = [two.scores["acc"] - one.scores["acc"] for one, two in zip(before, after, strict=True)]
    cell = cells["sft", "arc_easy"]
    assert cell.delta == pytest.approx(sum(deltas) / 120)
    better, worse = deltas.count(1.0), deltas.count(-1.0)
    assert (cell.items_better, cell.items_worse) == (better, worse)
    assert cell.p == pytest.approx(mcnemar_midp(better, worse))
    assert cell.p_corrected >= cell.p
    assert cell.verdict == "better"


def test_other_items_are_refused_by_name_and_the_rest_is_compared(two, tmp_path):
    fewer = {"benchmarks": [{"name": "arc_easy", "items": 80}, {"name": "verifiable", "items": 60}]}
    found = compare_studies([two[0], build(tmp_path, "fewer", **fewer)])
    assert {one.benchmark for one in found.differences} == {"verifiable"}
    assert any(
        line.startswith("arc_easy, sft of fewer and rank-8: the items differ (120 and 80")
        for line in found.refused
    )


def test_studies_without_anything_in_common_are_one_line(two, tmp_path):
    other = build(tmp_path, "other", benchmarks=[{"name": "agent", "items": 40}])
    with pytest.raises(StageError, match="nothing can be compared: arc_easy: other and rank-8"):
        compare_studies([two[0], other])
    with pytest.raises(ConfigurationError, match="two or more workspaces"):
        compare_studies([two[0], two[0]])


def test_the_command_shows_the_table_and_json(two, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "120")
    folders = [str(one.root) for one in two]
    monkeypatch.setattr(sys, "argv", ["tuner", "compare", *folders])
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr().out
    row = next(line for line in said.splitlines() if "arc_easy" in line and "sft" in line)
    assert "▲" in row
    assert "corrected for their number (4)" in said
    monkeypatch.setattr(sys, "argv", ["tuner", "compare", *folders, "--json"])
    with pytest.raises(SystemExit):
        main()
    assert len(json.loads(capsys.readouterr().out)["differences"]) == 4
