"""Auditing a reward model: rows of several shapes, shares by hand, the closed world."""

import json

import pytest

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.inspection.auditing import audit, closed_world, read_labelled
from synthetic_instruction_tuner.preference.scoring import require_resolved
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.sandbox import check


class Longest:
    """Prefers more words."""

    def encode(self, prompt, response):
        return {"input_ids": response.split()}, False

    def score(self, rows):
        return [float(len(row["input_ids"])) for row in rows]


def rows_of(tmp_path, *rows):
    (tmp_path / "rows.json").write_text(json.dumps(list(rows)))
    return read_labelled(tmp_path / "rows.json")


def test_shares_by_category_with_chance_and_length(tmp_path):
    rows = rows_of(
        tmp_path,
        {"prompt": "p", "chosen": ["a b c"], "rejected": ["a", "a b"], "subset": "Math"},
        {"prompt": "p", "chosen": ["a"], "rejected": ["a b", "b"], "subset": "Math"},
        {"prompt": "p", "chosen": "a b", "rejected": "a", "category": "Focus"},
    )
    everything, focus, math = audit(rows, Longest(), 100, Silent())
    assert (everything.category, everything.rows, everything.right) == ("all", 3, 2 / 3)
    assert everything.length_correlation == pytest.approx(1)
    assert (focus.category, focus.right, focus.chance) == ("Focus", 1, 0.5)
    assert (math.rows, math.right, math.chance) == (2, 0.5, pytest.approx(1 / 3))
    assert math.pairs_right == 2 / 4  # both of the first row, none of the second: one is a tie
    assert math.longer == 2 / 3
    assert math.low < math.right < math.high


def test_several_right_answers_all_have_to_be_above(tmp_path):
    row = {"prompt": "p", "chosen": ["a b c", "a"], "rejected": ["a b", "b"]}
    (everything, _) = audit(rows_of(tmp_path, row), Longest(), 100, Silent())
    assert everything.right == 0
    assert everything.chance == pytest.approx(2 / 4 * 1 / 3)
    assert everything.pairs_right == 2 / 4


def test_answers_may_be_conversations(tmp_path):
    asked = {"role": "user", "content": "Why?"}
    row = {
        "prompt": [asked],
        "chosen": [asked, {"role": "assistant", "content": "Because."}],
        "rejected": [asked, {"role": "assistant", "content": "No."}],
    }
    (found,) = rows_of(tmp_path, row)
    assert (found.prompt, found.chosen, found.rejected) == ("Why?", ("Because.",), ("No.",))
    assert found.category == "rows"


@pytest.mark.parametrize("name", ["prompt", "chosen", "rejected"])
def test_a_row_that_lacks_something_is_named(tmp_path, name):
    row = {"prompt": "p", "chosen": ["a"], "rejected": ["b"]}
    with pytest.raises(ConfigurationError, match=f"row 2 has no {name}"):
        rows_of(tmp_path, row, row | {name: []})


def test_nothing_to_audit_with_is_said():
    with pytest.raises(ConfigurationError, match="no labelled rows"):
        audit([], Longest(), 100, Silent())


def test_the_closed_world_knows_what_it_calls_right():
    rows = closed_world(63, seed=1)
    assert len(rows) > 55
    assert all(check(row.prompt, row.chosen[0]) is True for row in rows)
    assert not any(check(row.prompt, text) for row in rows for text in row.rejected)
    assert len({row.category for row in rows}) == 9


def test_margins_below_two_steps_of_half_precision_are_refused():
    require_resolved(0.0, 0.15)
    require_resolved(0.07, 0.15)
    require_resolved(0.5, 0.0)  # no least margin is asked for
    with pytest.raises(ConfigurationError, match=r"two steps \(0.078 each\).*dtype='float32'"):
        require_resolved(0.078, 0.15)
