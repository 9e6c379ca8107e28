"""What the terminal says of a finished study."""

import pytest
from support import measured_study

from synthetic_instruction_tuner.analysis.run import compare
from tuner import findings


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    made = measured_study.build(tmp_path_factory.mktemp("shown"))
    compare(made)
    return made


def test_the_end_of_a_run_shows_rows_scores_with_verdicts_costs_and_what_to_take(
    study, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "80")
    findings.show(study)
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    assert "160 rows read, 101 kept (80 train, 21 validation), 59 rejected:" in said
    assert "near_duplicate 31, length 12, repetition 9, truncated 4, refusal 3." in said
    shown = next(line for line in said.splitlines() if "ARC-Easy" in line)
    values = [one.scores["acc"] for one in measured_study.score_items("sft", "arc_easy", 200)]
    assert f"{100 * sum(values) / 200:.1f} % ▲" in shown
    times = next(line for line in said.splitlines() if "Training time" in line)
    assert times.split() == ["Training", "time", "–", "41.5", "s", "22.0", "s", "23.0", "s", "1.2",
                             "min"]  # fmt: skip
    assert "Best overall for its cost: " in said
    assert said.rstrip().endswith(f"{findings.headline(study)}.")


def test_without_a_comparison_there_is_nothing_to_say(tmp_path, capsys):
    made = measured_study.build(tmp_path, skip=["filtered"])
    findings.show(made)
    assert (capsys.readouterr().out, findings.headline(made)) == ("", None)
