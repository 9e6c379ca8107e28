"""The parts of scoring that need no model: plans, agreement, journal."""

import json
from pathlib import Path

import pytest

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.evaluation import agreement
from synthetic_instruction_tuner.evaluation.journal import Journal
from synthetic_instruction_tuner.evaluation.scoring import (
    Answer,
    Request,
    common_prefix,
    plan,
    truncate,
)

PREFIX = tuple(range(100, 110))


def request(context: tuple[int, ...], *continuation: int) -> Request:
    return Request(context, continuation)


def test_the_common_prefix_leaves_every_context_a_token() -> None:
    assert common_prefix([(*PREFIX, 1), (*PREFIX, 2, 3)]) == PREFIX
    assert common_prefix([PREFIX, (*PREFIX, 2)]) == PREFIX[:-1]
    assert common_prefix([(1, 2, 3), (1, 2, 4)]) == ()  # too short to be worth a pass
    assert common_prefix([PREFIX]) == ()


def test_choices_of_an_item_share_its_context_and_every_request_is_scored_once() -> None:
    requests = [request((*PREFIX, n), c) for n in range(5) for c in (7, 8)]
    requests += [request((*PREFIX, 0), 5, 6)]
    batches = plan(requests, limit=50, batch_size=3)
    assert all(batch.prefix == PREFIX for batch in batches)
    places = [place for b in batches for item in b.items for _, place in item.continuations]
    assert sorted(places) == list(range(len(requests)))
    assert [len(batch.items) for batch in batches] == [3, 2]  # one-token choices need no own row


def test_rows_of_choices_with_several_tokens_bound_a_batch() -> None:
    requests = [request((1, n), 5, c) for n in range(4) for c in range(3)]
    assert [len(batch.items) for batch in plan(requests, 50, batch_size=6)] == [2, 2]
    assert [len(batch.items) for batch in plan(requests, 50, batch_size=1)] == [1, 1, 1, 1]


def test_the_plan_does_not_depend_on_the_order_of_the_requests() -> None:
    requests = [request((*PREFIX, *range(n)), 1, 2) for n in (4, 9, 2, 7)]
    shapes = [
        [[item.context for item in batch.items] for batch in plan(order, 50, 2)]
        for order in (requests, requests[::-1])
    ]
    assert shapes[0] == shapes[1]


def test_truncation_cuts_the_left_of_the_context() -> None:
    # The last token of the continuation is only predicted, never read: 5 read, 6 in all.
    assert truncate(request((1, 2, 3, 4, 5), 6, 7), 5) == request((2, 3, 4, 5), 6, 7)
    assert truncate(request((1, 2), 6, 7), 5) == request((1, 2), 6, 7)
    with pytest.raises(StageError, match=r"a choice has 3 tokens, more than the 2"):
        truncate(request((1,), 2, 3, 4), 2)


def test_cut_requests_do_not_share_the_prefix() -> None:
    requests = [request((*PREFIX, *range(20)), 1), request((*PREFIX, 1), 1)]
    requests += [request((*PREFIX, 2), 1)]
    batches = plan(requests, limit=15, batch_size=8)
    assert {batch.prefix for batch in batches} == {(), PREFIX}


def answers(*values: float) -> list[Answer]:
    return [Answer(value, False) for value in values]


@pytest.mark.parametrize(
    ("ours", "used", "changed"),
    [
        ([-1.0, -2.0], "fast", 0),
        ([-1.00009, -2.0], "fast", 0),
        ([-1.0002, -2.0], "plain", 0),
        ([-2.1, -2.0], "plain", 1),
        ([float("nan"), -2.0], "plain", 1),
    ],
)
def test_the_fast_scorer_is_used_only_if_it_agrees(
    ours: list[float], used: str, changed: int
) -> None:
    found = agreement.compare([answers(*ours)], [answers(-1.0, -2.0)], "float32")
    assert (found.used, found.changed) == (used, changed)
    assert found.requests == 2


def test_a_changed_argmax_or_greedy_flag_counts_however_close() -> None:
    close = agreement.compare([answers(-1.0, -0.99999)], [answers(-0.99999, -1.0)], "float32")
    assert (close.used, close.changed) == ("plain", 1)
    flag = agreement.compare([[Answer(-1.0, True)]], [[Answer(-1.0, False)]], "float32")
    assert flag.used == "plain"


def test_the_sample_is_spread_over_all_items() -> None:
    assert agreement.spread(3) == [0, 1, 2]
    assert agreement.spread(1600) == list(range(0, 1600, 100))


def record(journal: Journal, name: str, value: object) -> None:
    with journal.recording(name) as result:
        result.append(value)


def test_a_journal_gives_back_what_was_finished(tmp_path: Path) -> None:
    path = tmp_path / "batches.jsonl"
    first = Journal(path, "x")
    record(first, "0", [[0, -0.1, True]])
    record(first, "1", [[1, -1e-300, False]])
    again = Journal(path, "x")
    assert again.get("0") == [[0, -0.1, True]]
    assert again.get("1") == [[1, -1e-300, False]]
    assert again.get("2") is None
    assert again.seconds == pytest.approx(first.seconds, abs=1e-5)
    again.close()
    assert not path.exists()


def test_a_journal_of_something_else_is_not_used(tmp_path: Path) -> None:
    record(Journal(tmp_path / "b", "x"), "0", 1)
    assert Journal(tmp_path / "b", "y").get("0") is None
    assert Journal(tmp_path / "b", "x").get("0") is None


@pytest.mark.parametrize("lost", [1, 5, 20, 40])
def test_a_torn_line_is_not_read_and_the_journal_goes_on(tmp_path: Path, lost: int) -> None:
    path = tmp_path / "batches.jsonl"
    journal = Journal(path, "x")
    record(journal, "0", "kept")
    record(journal, "1", "torn")
    path.write_bytes(path.read_bytes()[:-lost])
    again = Journal(path, "x")
    assert (again.get("0"), again.get("1")) == ("kept", None)
    record(again, "1", "new")
    assert Journal(path, "x").get("1") == "new"
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_batch_that_fails_is_not_recorded(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "b", "x")
    with pytest.raises(ZeroDivisionError), journal.recording("0") as result:
        result.append(1 / 0)
    assert Journal(tmp_path / "b", "x").get("0") is None


def test_numbers_that_json_cannot_hold_are_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "b", "x")
    with pytest.raises(ValueError, match="not JSON compliant"), journal.recording("0") as result:
        result.append(float("nan"))
