"""Which of several like rows stays, whatever their order."""

import random

import pytest

from synthetic_instruction_tuner.filtering.duplicates import (
    Duplicate,
    exact_duplicates,
    near_duplicates,
)
from synthetic_instruction_tuner.filtering.similarity import jaccard
from synthetic_instruction_tuner.text import comparison_words

LONG = "one two three four five six seven eight nine ten"


def test_copies_up_to_case_and_spaces_go_to_the_best_ranked():
    texts = ["Name a river.", "name  a RIVER.", "Name a river?", "Name a river."]
    assert exact_duplicates(texts, [3, 0, 1, 2]) == {0: Duplicate(3, 1.0), 1: Duplicate(3, 1.0)}


def test_the_best_ranked_of_a_group_stays():
    texts = [LONG, LONG.replace("ten", "x"), "something else"]
    found = near_duplicates(texts, [1, 0, 2], 0.8, 0.8)
    assert found.duplicates == {0: Duplicate(1, 9 / 11)}
    assert found.clusters[0] == found.clusters[1] != found.clusters[2]


def test_a_chain_keeps_its_ends():
    middle = LONG.replace("ten", "x")
    end = middle.replace("nine", "y")
    assert jaccard(comparison_words(LONG), comparison_words(end)) == 8 / 12
    found = near_duplicates([LONG, middle, end], [0, 1, 2], 0.8, 0.8)
    assert found.duplicates == {1: Duplicate(0, 9 / 11)}
    assert len(set(found.clusters)) == 1  # still linked: never in two splits
    assert near_duplicates([LONG, middle, end], [1, 0, 2], 0.8, 0.8).duplicates == {
        0: Duplicate(1, 9 / 11),
        2: Duplicate(1, 9 / 11),
    }


def test_a_row_names_its_most_similar_survivor():
    texts = [LONG, LONG + " x y", LONG + " x"]  # to the last: 10/11 and 11/12
    found = near_duplicates(texts, [0, 1, 2], 0.9, 0.5)
    assert found.duplicates == {2: Duplicate(1, 11 / 12)}


def test_equal_word_sets_are_similar_by_one():
    found = near_duplicates(["a b c", "c b a", "B, a. C!"], [2, 0, 1], 0.8, 0.8)
    assert found.duplicates == {0: Duplicate(2, 1.0), 1: Duplicate(2, 1.0)}


def test_eighty_rows_of_three_texts_leave_three():
    texts = [f"This is text number {at % 3} {'abc'[at % 3]} of the set" for at in range(80)]
    copies = exact_duplicates(texts, range(80))
    near = near_duplicates(texts, range(80), 0.8, 0.8)
    assert len(texts) - len(copies) == len(texts) - len(near.duplicates) == 3


def test_links_are_looser_than_duplicates():
    texts = ["a b c d", "a b c x", "p q r s"]  # 3/5 = 0.6
    found = near_duplicates(texts, [0, 1, 2], 0.8, 0.6)
    assert found.duplicates == {}
    assert found.clusters[0] == found.clusters[1] != found.clusters[2]


def test_the_order_of_rows_plays_no_part():
    rng = random.Random(3)
    words = [f"w{number}" for number in range(9)]
    texts = sorted({" ".join(sorted(rng.sample(words, 7))) for _ in range(60)})
    rank = {text: number for number, text in enumerate(texts)}

    def survivors(order):
        ranking = sorted(range(len(order)), key=lambda at: rank[order[at]])
        found = near_duplicates(order, ranking, 0.7, 0.6).duplicates
        kept = {order[at] for at in range(len(order)) if at not in found}
        return kept, {order[a]: (order[d.survivor], d.similarity) for a, d in found.items()}

    expected = survivors(texts)
    for _ in range(5):
        rng.shuffle(texts)
        assert survivors(list(texts)) == expected
    kept = [comparison_words(text) for text in expected[0]]
    assert all(jaccard(a, b) < 0.7 for a in kept for b in kept if a is not b)
    assert all(value >= 0.7 for _, value in expected[1].values())


def test_short_tasks_with_other_numbers_are_other_tasks():
    one = "Please add 12 + 7 and tell me the result."
    other = one.replace("7", "9")
    found = near_duplicates([one, other], [0, 1], 0.8, 0.6)
    assert found.duplicates == {}
    assert len(set(found.clusters)) == 1  # too alike to be on both sides of a split
    words = " ".join(f"w{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(40))
    long = near_duplicates([f"{one} {words}", f"{other} {words}"], [0, 1], 0.8, 0.6)
    assert long.duplicates == {1: Duplicate(0, pytest.approx(49 / (51 + 4)))}
    assert near_duplicates([one, f"{one} Now"], [0, 1], 0.8, 0.6).duplicates  # the same numbers


def test_copies_that_look_alike_are_copies():
    seen, hidden = "What's a river?", "What\u2019s a ri\u00adver?\u200b"
    assert exact_duplicates([seen, hidden], [0, 1]) == {1: Duplicate(0, 1.0)}
