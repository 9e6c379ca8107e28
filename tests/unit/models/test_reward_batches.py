import pytest

from synthetic_instruction_tuner.models.rewards.batches import padding_share, token_batches


@pytest.mark.parametrize(
    ("lengths", "budget", "batches"),
    [
        ([3, 5, 2, 5], 10, [[1, 3], [0, 2]]),  # 2 x 5; then 3 + 2 padded to 2 x 3
        ([3, 5, 2, 5], 9, [[1], [3], [0, 2]]),
        ([20], 10, [[0]]),  # longer than the budget: alone
        ([1, 1, 1, 1], 3, [[0, 1, 2], [3]]),
        ([], 10, []),
    ],
)
def test_longest_first_under_the_budget(lengths, budget, batches):
    assert token_batches(lengths, budget) == batches


def test_the_order_of_equal_rows_is_their_own():
    assert token_batches([4] * 6, 8) == [[0, 1], [2, 3], [4, 5]]


def test_padding_share_counts_what_is_computed_in_vain():
    # batch one: 2 x 5, none; batch two: 2 x 3 for 5 tokens
    assert padding_share([3, 5, 2, 5], [[1, 3], [0, 2]]) == pytest.approx(1 / 16)
    assert padding_share([], []) == 0.0
