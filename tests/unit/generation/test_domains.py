import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthetic_instruction_tuner.generation.domains import domain_sequence


def test_one_domain_takes_every_draw():
    assert domain_sequence((2.5,), 3) == (0, 0, 0)


def test_two_to_one_by_hand():
    # slack 1/2; shares 2/3 and 1/3; after each draw the counts are within half of n * share
    assert domain_sequence((2.0, 1.0), 6) == (0, 1, 0, 0, 1, 0)


@pytest.mark.parametrize("weights", [(1, 1, 1), (5, 3, 2), (0.7, 0.2, 0.05, 0.05), (100, 1)])
def test_shares_hold_in_every_prefix(weights):
    sequence = domain_sequence(weights, 700)
    counts = [0] * len(weights)
    for drawn, domain in enumerate(sequence, start=1):
        counts[domain] += 1
        for count, weight in zip(counts, weights, strict=True):
            assert abs(count - drawn * weight / sum(weights)) < 1


@settings(max_examples=30)
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=6), st.integers(0, 60))
def test_more_draws_never_change_earlier_ones(weights, length):
    assert domain_sequence(tuple(weights), length + 40)[:length] == domain_sequence(
        tuple(weights), length
    )
