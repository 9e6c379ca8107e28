"""Order, micro-batches and learning rate are functions of seed and step alone."""

import pytest

from synthetic_instruction_tuner.training.order import Order, micro_batches, rate

LENGTHS = (5, 9, 3, 7, 2, 8, 4)


def order(**changes: object) -> Order:
    settings: dict = {"lengths": LENGTHS, "batch_size": 3, "epochs": 2, "seed": 42} | changes
    return Order(**settings)


def test_every_row_comes_once_an_epoch() -> None:
    one = order()
    assert (one.steps_per_epoch, one.steps) == (3, 6)
    for epoch in (0, 1):
        rows = [row for step in range(3) for row in one.batch(3 * epoch + step)]
        assert sorted(rows) == list(range(7))


def test_a_batch_holds_rows_of_like_length_longest_first() -> None:
    batches = sorted((order().batch(step) for step in range(3)), key=lambda rows: -LENGTHS[rows[0]])
    assert [[LENGTHS[row] for row in batch] for batch in batches] == [[9, 8, 7], [5, 4, 3], [2]]


def test_epochs_differ_and_the_same_seed_repeats() -> None:
    many = tuple(range(1, 200))
    first = order(lengths=many, epochs=3)
    assert [first.batch(step) for step in range(5)] == [
        order(lengths=many, epochs=3).batch(step) for step in range(5)
    ]
    assert first.batch(0) != first.batch(first.steps_per_epoch)
    assert first.batch(0) != order(lengths=many, seed=43).batch(0)


def test_order_does_not_depend_on_where_one_starts() -> None:
    """Resuming in epoch 2 gives epoch 2, not epoch 1 again (a known defect of samplers)."""
    many = tuple(range(1, 100))
    whole = [order(lengths=many, epochs=3).batch(step) for step in range(99)]
    assert order(lengths=many, epochs=3).batch(70) == whole[70]


def test_a_broken_epoch_ends_where_it_should() -> None:
    one = order(epochs=1.5)
    assert one.steps == 5
    assert [step for step in range(6) if one.ends_epoch(step)] == [3, 5]


@pytest.mark.parametrize(("step", "expected"), [(0, 0.5), (1, 1.0), (2, 1.0), (6, 0.5), (10, 0.0)])
def test_cosine_with_warmup(step: int, expected: float) -> None:
    assert rate(step, 10, 0.2, "cosine") == pytest.approx(expected)


def test_other_schedules() -> None:
    assert [rate(step, 4, 0, "linear") for step in range(4)] == [1, 0.75, 0.5, 0.25]
    assert rate(3, 4, 0, "constant_with_warmup") == 1


def test_micro_batches_keep_the_order() -> None:
    assert micro_batches("abcde", 2) == ["ab", "cd", "e"]
