"""The parts of scoring that need no model: plans, agreement."""

from itertools import pairwise

import pytest

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.evaluation.likelihood import agreement
from synthetic_instruction_tuner.evaluation.likelihood.agreement import Sampled
from synthetic_instruction_tuner.evaluation.likelihood.batching import (
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


def test_a_sample_is_read_behind_the_prefix_of_the_whole_task() -> None:
    requests = [request((*PREFIX, n), c) for n in range(5) for c in (7, 8)]
    requests += [request((*PREFIX, 0, 1, 2), 7), request((*PREFIX, 0, 1, 3), 7)]
    (batch,) = plan(requests, 50, 8, only={10, 11})  # alone they would share two tokens more
    assert batch.prefix == PREFIX
    assert sorted(place for item in batch.items for _, place in item.continuations) == [10, 11]


def answers(*values: float) -> list[Answer]:
    return [Answer(value, False) for value in values]


def sampled(ours: list[float], *again: float, tokens: tuple[int, int] = (1, 1)) -> Sampled:
    return Sampled(tokens, answers(*ours), answers(-1.0, -2.0), answers(*again) or None)


@pytest.mark.parametrize(
    ("ours", "used", "changed"),
    [
        ([-1.0, -2.0], "fast", 0),
        ([-1.000007, -2.0], "fast", 0),
        ([-1.00001, -2.0], "plain", 0),
        ([-2.1, -2.0], "plain", 1),
        ([float("nan"), -2.0], "plain", 1),
    ],
)
def test_the_fast_scorer_is_used_only_if_it_agrees(
    ours: list[float], used: str, changed: int
) -> None:
    found = agreement.compare([sampled(ours)], "float32")
    assert (found.used, found.changed) == (used, changed)
    assert found.requests == 2


@pytest.mark.parametrize("precision", agreement.STEP)
def test_a_difference_counts_by_the_token_and_beside_the_plain_scorers_own(precision: str) -> None:
    step = agreement.STEP[precision]

    def used(difference: float, scatter: float, tokens: int) -> str:
        item = sampled([-1.0 - difference, -2.0], -1.0 - scatter, -2.0, tokens=(tokens, 1))
        return agreement.compare([item], precision).used

    assert used(3.9 * step, 0.0, 1) == "fast"
    assert used(4.1 * step, 0.0, 1) == "plain"
    assert used(4.1 * step, 0.0, 2) == "fast"  # two tokens, each half of it
    assert used(7.9 * step, 2 * step, 1) == "fast"  # plain scoring itself moves by half as much
    assert used(8.1 * step, 2 * step, 1) == "plain"


def test_a_changed_argmax_or_greedy_flag_counts_however_close() -> None:
    plain, other = answers(-0.999999, -1.0), answers(-1.0, -0.999999)
    close = agreement.compare([Sampled((1, 1), other, plain)], "float32")
    assert (close.used, close.changed) == ("plain", 1)
    # lm-eval's own choice depends on its batch size: there is none to keep to.
    tie = agreement.compare([Sampled((1, 1), other, plain, other)], "float32")
    assert (tie.used, tie.changed) == ("fast", 0)
    flag = Sampled((1,), [Answer(-1.0, True)], [Answer(-1.0, False)])
    assert agreement.compare([flag], "float32").used == "plain"


def test_without_a_sample_nothing_agrees() -> None:
    assert agreement.compare([], "float32").used == "plain"


def test_the_sample_holds_the_longest_and_the_shortest_item_of_every_group() -> None:
    lengths = [[5, 9, 7, 4, 6], [3], [], [8, 8, 2]]
    assert agreement.sample(lengths, 0) == [[1, 3], [0], [], [0, 2]]
    assert agreement.sample(lengths, 100) == [[0, 1, 2, 3, 4], [0], [], [0, 1, 2]]
    subjects = [[10 + (7 * n + group) % 50 for n in range(100)] for group in range(57)]  # MMLU
    assert all(
        {subjects[group][place] for place in places} >= {max(subjects[group]), min(subjects[group])}
        for group, places in enumerate(agreement.sample(subjects))
    )


def test_a_single_group_is_sampled_all_over() -> None:
    (places,) = agreement.sample([[1, *range(3, 1600), 2, 1, 1600]])
    assert len(places) == agreement.SAMPLE
    assert max(b - a for a, b in pairwise(places)) <= 1600 // 13
