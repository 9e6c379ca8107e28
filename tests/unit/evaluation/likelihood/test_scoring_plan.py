"""The parts of scoring that need no model: plans, agreement."""

import pytest

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.evaluation.likelihood import agreement
from synthetic_instruction_tuner.evaluation.likelihood.scoring import (
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
    assert agreement.sample([3]) == [[0, 1, 2]]
    assert agreement.sample([1600])[0][::2] == list(range(0, 1600, 200))
    assert sum(map(len, agreement.sample([1] * 57))) == agreement.SAMPLE
    assert agreement.sample([0, 2]) == [[], [0, 1]]


def test_the_sample_shows_what_items_of_one_task_share() -> None:
    chosen = agreement.sample([100] * 57)  # MMLU: more subjects than sampled items
    assert {len(places) for places in chosen} == {0, 2}
    contexts = [(*PREFIX, place) for places in chosen[:1] for place in places]
    (batch,) = plan([request(one, 1) for one in contexts], 50, 16)
    assert batch.prefix == PREFIX
