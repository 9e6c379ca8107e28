"""The set-similarity join against comparing every pair."""

import random

import pytest

from synthetic_instruction_tuner.filtering import similarity
from synthetic_instruction_tuner.filtering.similarity import jaccard, similar_pairs
from synthetic_instruction_tuner.text import comparison_words, plain, squeezed


def listed(pairs):
    return [
        (left, right, round(value, 4))
        for left, right, value in zip(*(column.tolist() for column in pairs), strict=True)
    ]


def brute_force(texts, threshold):
    sets = [comparison_words(text) for text in texts]
    return [
        (left, right, round(jaccard(sets[left], sets[right]), 4))
        for left in range(len(sets))
        for right in range(left + 1, len(sets))
        if sets[left] and jaccard(sets[left], sets[right]) >= threshold
    ]


def scrambled(count, words, seed):
    rng = random.Random(seed)
    vocabulary = [f"w{number}" for number in range(words)]
    texts = [" ".join(rng.choices(vocabulary, k=rng.randint(0, 25))) for _ in range(count)]
    for at in range(1, count, 3):  # near copies: one or two words changed
        copy = texts[at - 1].split()
        for _ in range(min(rng.randint(0, 2), len(copy))):
            copy[rng.randrange(len(copy))] = rng.choice(vocabulary)
        texts[at] = " ".join(copy)
    return texts


def test_words_are_compared_without_case_and_sentence_marks():
    assert comparison_words("What IS 3 + 4, then? (3!)") == {"what", "is", "3", "+", "4", "then"}
    assert plain(" What\tis  ½? ") == "what is 1⁄2?"
    assert squeezed("It's 3.5 — OK?") == "its35ok"


def test_what_nobody_sees_makes_no_difference():
    seen = 'it\'s a "co-operative" river'
    hidden = "It’s\u200b a “co-oper\u00adative” \ufeffriver\u200e"
    assert plain(hidden) == plain(seen)
    assert comparison_words(hidden) == comparison_words(seen)
    assert squeezed(hidden) == squeezed(seen)


def test_pairs_of_a_few_texts():
    texts = ["a b c d e", "e d c b x", "A, B; C! D? E.", "p q", "", "", "q p r"]
    found = similar_pairs(texts, 0.6)
    assert listed(found) == [(0, 1, 0.6667), (0, 2, 1.0), (1, 2, 0.6667), (3, 6, 0.6667)]
    assert listed(similar_pairs(texts, 0.7)) == [(0, 2, 1.0)]


def test_no_texts_no_pairs():
    assert listed(similar_pairs([], 0.8)) == []
    assert listed(similar_pairs(["", ""], 0.8)) == []


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.6, 0.75, 0.8, 0.9, 1.0])
@pytest.mark.parametrize("words", [12, 300])
def test_join_equals_brute_force(threshold, words):
    texts = scrambled(120, words, seed=words)
    found = listed(similar_pairs(texts, threshold))
    assert found == brute_force(texts, threshold)
    assert threshold > 0.8 or found


def test_cutting_the_work_into_blocks_changes_nothing(monkeypatch):
    texts = scrambled(120, 60, seed=5)
    whole = listed(similar_pairs(texts, 0.6))
    monkeypatch.setattr(similarity, "BLOCK_PRODUCTS", 7)
    assert listed(similar_pairs(texts, 0.6)) == whole != []
