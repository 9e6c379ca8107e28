import pytest

from synthetic_instruction_tuner.config import PreferenceConfig
from synthetic_instruction_tuner.preference.figures import (
    compare_with_checker,
    correlation,
    describe,
)
from synthetic_instruction_tuner.preference.pairing import pair_up
from synthetic_instruction_tuner.records import Example, Response


def scored(name, split, *answers):
    """One example; answers are (responder, text, reward)."""
    example = Example(name, f"question {name}", "x", "general", 1.0, name, split)
    return example, [
        Response(f"{name}-{who}", name, who, example.instruction, text, "stop", 2, reward)
        for who, text, reward in answers
    ]


# "ok ..." is right, "no ..." is wrong, for questions "1", "2", "3"; nobody knows about "4"
SCORED = [
    scored("1", "train", ("a", "ok", 2.0), ("b", "no no", 1.0), ("c", "no", 0.0)),
    scored("2", "train", ("a", "no", 3.0), ("b", "ok ok", 1.0), ("c", "no no", 2.0)),
    scored("3", "validation", ("a", "ok", 1.0), ("b", "ok ok", 1.0), ("c", "ok yes", 1.0)),
    scored("4", "validation", ("a", "dog", 1.0), ("b", "cat", 0.5), ("c", "cow", 0.0)),
]
PAIRS, REJECTIONS = pair_up(SCORED, PreferenceConfig())


def check(instruction, response):
    return None if instruction == "question 4" else response.startswith("ok")


def test_counts_and_shares():
    figures = describe(SCORED, PAIRS, REJECTIONS)
    assert figures["examples"] == 4
    assert figures["responses"] == 12
    assert (figures["pairs"], figures["train"], figures["validation"]) == (3, 2, 1)
    assert figures["rejected_by_rule"] == {"tie": 1}
    assert figures["complete_share"] == 1.0
    assert figures["chosen_above_rejected"] == 1.0
    assert figures["mean_margin"] == pytest.approx((2 + 2 + 1) / 3)
    assert figures["median_margin"] == 2.0
    assert figures["mean_chosen_words"] == 1.0
    assert figures["mean_rejected_words"] == pytest.approx((1 + 2 + 1) / 3)
    assert figures["chosen_longer_share"] == 0.0  # question 2: 1 word against 2


def test_each_responder_has_its_share_of_wins():
    figures = describe(SCORED, PAIRS, REJECTIONS)["responders"]
    assert list(figures) == ["a", "b", "c"]
    assert figures["a"]["chosen_share"] == 1.0
    assert figures["c"]["rejected_share"] == pytest.approx(2 / 3)
    assert figures["b"]["mean_reward"] == pytest.approx((1 + 1 + 1 + 0.5) / 4)
    assert figures["b"]["mean_words"] == pytest.approx((2 + 2 + 2 + 1) / 4)


def test_nothing_measured_is_none_not_zero():
    figures = describe([], [], [])
    assert figures["pairs"] == 0
    assert figures["mean_margin"] is None
    assert figures["chosen_above_rejected"] is None
    assert figures["reward_length_correlation"] is None


def test_reward_model_against_the_checker():
    found = compare_with_checker(SCORED, PAIRS, check)
    assert found["checker_examples"] == 3
    # right against wrong: 1: ok>no no, ok>no; 2: ok ok<no, ok ok<no no
    assert found["checker_comparisons"] == 4
    assert found["checker_agreement"] == 0.5
    assert found["checker_best_of_k_right"] == pytest.approx(2 / 3)
    assert found["checker_any_right"] == 1.0
    assert found["checker_responder_right"] == pytest.approx({"a": 2 / 3, "b": 2 / 3, "c": 1 / 3})
    assert found["checker_pairs"] == {
        "right_over_wrong": 1,
        "wrong_over_right": 1,
        "both_right": 0,
        "both_wrong": 0,
        "not_judged": 1,
    }
    assert found["checker_inverted_share"] == 0.5


def test_equal_rewards_for_right_and_wrong_count_half():
    tie = [scored("1", "train", ("a", "ok", 1.0), ("b", "no", 1.0))]
    assert compare_with_checker(tie, [], check)["checker_agreement"] == 0.5


def test_a_checker_that_judges_nothing_adds_nothing():
    assert compare_with_checker(SCORED, PAIRS, lambda instruction, response: None) == {}


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ([1, 2, 3], [2, 4, 6], 1.0),
        ([1, 2, 3], [3, 2, 1], -1.0),
        ([1, 1], [1, 2], None),
        ([1], [1], None),
    ],
)
def test_correlation(left, right, expected):
    assert correlation(left, right) == (None if expected is None else pytest.approx(expected))
