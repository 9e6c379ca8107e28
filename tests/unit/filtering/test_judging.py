"""Rows judged by several processes: the same verdicts in the same order."""

import pytest

from synthetic_instruction_tuner.config import FilteringConfig
from synthetic_instruction_tuner.filtering import judging
from synthetic_instruction_tuner.generation.importing import import_row
from synthetic_instruction_tuner.rules import judge, role_leak

ROWS = [
    import_row(str(number), number, {"instruction": text, "output": "It is the answer to that."})
    for number, text in enumerate(
        ["What is the capital of France?", "Was ist die Hauptstadt von Frankreich, bitte sehr?"] * 5
        + ["Hi", "Tell me what the <|own|> token of this model is for, please."]
    )
]


@pytest.fixture
def rules():
    length = {"min_words": 3}
    settings = FilteringConfig.model_validate({"rules": {"length": length}}).rules
    return role_leak.with_tokens(settings, ["<|own|>"])


def test_several_processes_judge_as_one_does(monkeypatch, rules):
    alone = [judge(row, rules) for row in ROWS]
    assert {verdict.rule for verdict in alone if verdict} >= {"language", "length"}
    assert list(judging.verdicts(ROWS, rules)) == alone
    monkeypatch.setattr(judging, "FEW", 1)
    monkeypatch.setattr(judging, "PART", 5)
    monkeypatch.setattr(judging, "_cores", lambda: 2)
    assert list(judging.verdicts(ROWS, rules)) == alone


def test_who_stops_early_waits_for_no_more_than_what_is_under_way(monkeypatch, rules):
    monkeypatch.setattr(judging, "FEW", 1)
    monkeypatch.setattr(judging, "PART", 1)
    monkeypatch.setattr(judging, "_cores", lambda: 2)
    cancelled = []

    class Pool(judging.ProcessPoolExecutor):
        def shutdown(self, wait=True, *, cancel_futures=False):
            cancelled.append(cancel_futures)
            super().shutdown(wait, cancel_futures=cancel_futures)

    monkeypatch.setattr(judging, "ProcessPoolExecutor", Pool)
    judged = judging.verdicts(ROWS, rules)
    next(judged)
    judged.close()
    assert cancelled == [True]
