"""How varied rows are, against values found by hand."""

import pytest

from synthetic_instruction_tuner.analysis.diversity import (
    curve,
    describe,
    distinct,
    effective,
    vendi_of_words,
)
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.filtering.variety import by_meaning
from synthetic_instruction_tuner.study.graph import Study


def test_distinct_grams_of_all_texts_together():
    texts = [["a", "b", "a"], ["a", "b"]]
    assert distinct(texts, 1) == 0.4  # a and b of five words
    assert distinct(texts, 2) == pytest.approx(2 / 3, abs=1e-4)  # ab, ba of ab ba ab
    assert distinct([["a"]], 2) is None


def test_effective_number_is_that_of_equally_frequent_values():
    assert effective(["x", "x", "y", "y"]) == 2
    assert effective(["x"] * 9) == 1
    assert effective([]) is None


def test_vendi_counts_texts_that_share_nothing():
    assert vendi_of_words(["tell me why"] * 5) == 1
    assert vendi_of_words(["red", "green", "blue"]) == pytest.approx(3)
    assert vendi_of_words(["red", "red", "blue", "blue"]) == pytest.approx(2)
    assert 1 < vendi_of_words(["red green", "red blue"]) < 2
    assert vendi_of_words([]) is None


def test_many_texts_and_few_are_scored_alike():
    """Above and below the number of places another product is taken; the score is the same."""
    assert vendi_of_words([f"word{n % 8}" for n in range(1200)]) == pytest.approx(8)


def test_the_curve_shows_what_each_part_brings():
    # ten parts of one text each; "why is", "is it", "it so", then again, then one new of three
    texts = ["why is it so", "why is it so", "why is it now", *[f"{n} {n}" for n in range(7)]]
    found = curve(texts)
    assert [one["draws"] for one in found] == list(range(1, 11))
    assert [one["new"] for one in found[:4]] == [1.0, 0.0, 0.3333, 1.0]
    assert [one["repeated"] for one in found[:4]] == [0.0, 1.0, 0.0, 0.0]
    assert curve([]) == []


def test_the_curve_ends_at_the_draws_and_falls_where_a_teacher_repeats_itself():
    found = curve(["ask this", "ask that"] + ["ask this"] * 18)
    assert found[-1] == {"draws": 20, "new": 0.0, "repeated": 1.0}
    assert found[0]["draws"] == 2


def test_groups_stand_side_by_side_and_families_only_where_there_are_any(tmp_path):
    rows = [("a", "What is 12 plus 7?"), ("b", "Why do birds sing in the morning?")]
    study = Study(StudyConfig(), tmp_path)
    found = describe(study, rows, rows[:1], rows[:1], [text for _, text in rows])
    assert [one["rows"] for one in found["groups"].values()] == [2, 1, 1]
    assert "families" not in found["groups"]["raw"]
    closed = StudyConfig.model_validate({"generation": {"teacher": {"name": "sandbox:teacher"}}})
    found = describe(Study(closed, tmp_path), rows, rows[:1], rows[:1], [])
    assert found["groups"]["raw"]["families"]["found"] == 1


def test_meaning_is_scored_by_the_encoder_that_is_given():
    import numpy as np

    def embed(texts):
        places = {"sky": (1.0, 0.0), "heaven": (1.0, 0.0), "bread": (0.0, 1.0)}
        return np.array([places[text] for text in texts], dtype=np.float32)

    groups = {"raw": [("a", "sky"), ("b", "bread")], "kept": [("a", "sky"), ("c", "heaven")]}
    assert by_meaning(groups | {"trained": []}, embed) == {"raw": 2.0, "kept": 1.0}
