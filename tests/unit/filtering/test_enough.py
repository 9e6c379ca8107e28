"""Too few rows: said with the cause, and with advice that fits it."""

from types import SimpleNamespace

import pytest

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.filtering import enough, statistics


@pytest.mark.parametrize(
    ("funnel", "source", "message"),
    [
        ({"exact_duplicate": 0, "length": 0}, "rows.csv", "none was rejected: bring more rows"),
        (
            {"exact_duplicate": 1, "length": 9},
            None,
            r"most \(9\) fall to 'length': .*, loosen filtering.rules.length, or raise generation",
        ),
        (
            {"exact_duplicate": 9, "length": 1},
            "rows.csv",
            r"most \(9\) fall to 'exact_duplicate': .*, look at the other filtering settings",
        ),
    ],
)
def test_too_few_rows_are_told_with_what_helps(monkeypatch, funnel, source, message):
    steps = [{"step": step, "rejected": count} for step, count in funnel.items()]
    monkeypatch.setattr(statistics, "funnel", lambda _: steps)
    config = StudyConfig.model_validate({"generation": {"source": source}})
    rows = [SimpleNamespace(instruction="Ask", response="Answer")] * 10
    with pytest.raises(StageError, match=message):
        enough.require_rows(SimpleNamespace(config=config), SimpleNamespace(kept=()), rows)
