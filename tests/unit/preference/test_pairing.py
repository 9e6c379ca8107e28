import dataclasses
import math

import pytest

from synthetic_instruction_tuner.config import PreferenceConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.preference.pairing import (
    best_and_worst,
    choose,
    pair_up,
    similarity,
)
from synthetic_instruction_tuner.records import Example, PreferencePair, Rejection, Response

SETTINGS = PreferenceConfig(min_margin=0.15, max_similarity=0.95, pairs=2)


def example(name="e", split="train"):
    return Example(name, "What is 2 + 3?", "5", "general", 0.9, name, split)


def response(responder, text, reward, finish="stop"):
    return Response(
        id=f"r-{responder}",
        example="e",
        responder=responder,
        instruction="What is 2 + 3?",
        text=text,
        finish=finish,
        tokens=3,
        reward=reward,
    )


def test_best_becomes_chosen_and_worst_rejected():
    made = choose(
        example(split="validation"),
        [response("a", "It is 5.", 0.2), response("b", "5", 1.25), response("c", "6", -0.5)],
        SETTINGS,
    )
    assert made == PreferencePair(
        id="e",
        prompt="What is 2 + 3?",
        chosen="5",
        rejected="6",
        chosen_reward=1.25,
        rejected_reward=-0.5,
        margin=1.75,
        chosen_responder="b",
        rejected_responder="c",
        domain="general",
        split="validation",
    )


@pytest.mark.parametrize(
    ("responses", "rule", "value", "threshold"),
    [
        # one text, two scores: chosen and rejected would be the same
        ([("a", "5", 1.0), ("b", " 5\n", 0.0)], "identical", 1.0, 0.95),
        ([("a", "Five Apples", 1.0), ("b", "five  apples", 0.0)], "identical", 1.0, 0.95),
        # all equal: argmax and argmin must not become one response against itself
        ([("a", "5", 1.0), ("b", "6", 1.0), ("c", "7", 1.0)], "tie", 0.0, 0.0),
        ([("a", "5", 0.5), ("b", "6", 0.4)], "margin", 0.1, 0.15),
        # truncated or empty answers never take part
        ([("a", "5", 1.0), ("b", "6", 0.0, "length")], "incomplete", 1.0, 2.0),
        ([("a", "5", 1.0), ("b", "  ", 0.0)], "incomplete", 1.0, 2.0),
    ],
)
def test_reasons_for_no_pair(responses, rule, value, threshold):
    made = choose(example(), [response(*one) for one in responses], SETTINGS)
    assert isinstance(made, Rejection)
    assert (made.stage, made.rule, made.value, made.threshold) == (
        "preference",
        rule,
        value,
        threshold,
    )
    assert [one["reward"] for one in made.row["responses"]] == [one[2] for one in responses]


def test_a_margin_at_the_threshold_is_enough():
    made = choose(example(), [response("a", "5", 0.15), response("b", "6", 0.0)], SETTINGS)
    assert isinstance(made, PreferencePair)
    assert made.margin == 0.15


def test_without_a_least_margin_a_tie_is_still_no_pair():
    settings = PreferenceConfig(min_margin=0)
    made = choose(example(), [response("a", "5", 1.0), response("b", "6", 1.0)], settings)
    assert isinstance(made, Rejection)
    assert made.rule == "tie"


def test_a_truncated_best_leaves_the_pair_to_the_complete_ones():
    made = choose(
        example(),
        [response("a", "5 and", 9.0, "length"), response("b", "5", 1.0), response("c", "6", 0.0)],
        SETTINGS,
    )
    assert isinstance(made, PreferencePair)
    assert (made.chosen, made.rejected) == ("5", "6")


def test_one_changed_word_in_a_long_text_is_no_lesson():
    words = [f"w{number}" for number in range(100)]
    other = [*words[:50], "changed", *words[51:]]
    # 101 adjacent pairs each; 99 are shared: 99 / 103
    assert similarity(" ".join(words), " ".join(other)) == pytest.approx(99 / 103)
    made = choose(
        example(),
        [response("a", " ".join(words), 1.0), response("b", " ".join(other), 0.0)],
        SETTINGS,
    )
    assert isinstance(made, Rejection)
    assert (made.rule, made.value) == ("similar", round(99 / 103, 6))


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("a b", "a b", 1.0),  # (^a) (ab) (b$)
        ("a b", "b a", 0.0),  # the same words sorted another way: another answer
        ("27", "28", 0.0),
        ("a b c", "a b d", 2 / 6),  # (^a) (ab) shared; (bc) (c$) (bd) (d$) not
        ("", "", 1.0),
        ("", "a", 0.0),
    ],
)
def test_similarity_of_adjacent_words(one, other, alike):
    assert similarity(one, other) == pytest.approx(alike)


def test_equal_rewards_are_broken_by_order_not_by_chance():
    rows = [response(name, name, reward) for name, reward in zip("abcd", [1, 0, 1, 0], strict=True)]
    best, worst = best_and_worst(rows)
    assert (best.responder, worst.responder) == ("a", "d")


@pytest.mark.parametrize("reward", [None, math.nan, math.inf, -math.inf])
def test_a_reward_that_is_no_number_stops_with_the_row(reward):
    rows = [response("a", "5", 1.0), response("b", "6", reward)]
    with pytest.raises(StageError, match=r"r-b.*'b'.*example e"):
        choose(example(), rows, SETTINGS)


def test_every_example_is_paired_or_rejected_and_the_surplus_says_so():
    good = [response("a", "5", 1.0), response("b", "6", 0.0)]
    tie = [response("a", "5", 1.0), response("b", "6", 1.0)]
    scored = [(example("one"), good), (example("two"), tie), (example("three"), good)]
    scored.append((example("four"), good))
    pairs, rejections = pair_up(scored, SETTINGS)
    assert [pair.id for pair in pairs] == ["one", "three"]
    assert [(one.id, one.rule, one.threshold) for one in rejections] == [
        ("two", "tie", 0.0),
        ("four", "surplus", 2.0),
    ]


@pytest.mark.parametrize(
    ("own", "chosen", "rejected"),
    [
        (0.9, "best", "own"),  # 1.1 below the best, 0.9 above the worst
        (1.2, "own", "worst"),
        (1.0, "best", "own"),  # as far from both
        (2.5, "own", "worst"),
        (-1.0, "best", "own"),
    ],
)
def test_one_side_is_set_against_what_is_further_away(own, chosen, rejected):
    rows = [response("best", "5", 2.0), response("own", "It is 5.", own), response("worst", "6", 0)]
    found = best_and_worst(rows, "own")
    assert [one.responder for one in found] == [chosen, rejected]


def test_without_a_complete_answer_of_the_one_side_there_is_no_pair():
    settings = SETTINGS.model_copy(update={"one_side": "own"})
    rows = [response("a", "5", 2.0), response("own", "It is", 1.0, "length"), response("c", "6", 0)]
    made = choose(example(), rows, settings)
    assert (made.rule, made.value) == ("incomplete", 2.0)
    assert isinstance(choose(example(), rows, SETTINGS), PreferencePair)


def test_the_pair_of_a_conversation_carries_its_turns():
    turns = ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"},
             {"role": "user", "content": "What is 2 + 3?"})  # fmt: skip
    rows = [response("a", "5", 1.0), response("b", "six", 0.0)]
    made = choose(example(), [dataclasses.replace(one, messages=turns) for one in rows], SETTINGS)
    assert (made.prompt, made.messages) == ("What is 2 + 3?", turns)


def test_an_answer_that_spells_out_a_token_of_its_own_model_takes_no_part():
    answers = [response("a", "It is 5.§end§", 2.0), response("b", "5", 1.25)]
    assert choose(example(), answers, SETTINGS).chosen == "It is 5.§end§"
    rejected = choose(example(), answers, SETTINGS, tokens=("§end§",))
    assert (rejected.rule, rejected.value) == ("control_token", 1.0)
