"""Which answer stands against the best: places, distances, lengths, several pairs."""

import pytest
from pydantic import ValidationError

from synthetic_instruction_tuner.config import PreferenceConfig, StudyConfig
from synthetic_instruction_tuner.preference.choosing import length_ratio
from synthetic_instruction_tuner.preference.pairing import choose, pair_up
from synthetic_instruction_tuner.records import Example, PreferencePair, Response
from synthetic_instruction_tuner.study.graph import Study

REWARDS = {"one": 2.0, "two words": 1.0, "three words here": 0.0, "a b c d e f": -5.0}


def example(name="e"):
    return Example(name, "Ask", "Say", "general", 0.9, name, "train")


def answers(rewards=REWARDS):
    return [
        Response(text, "e", f"r{at}", "Ask", text, "stop", 3, reward)
        for at, (text, reward) in enumerate(rewards.items())
    ]


def settings(**choice):
    return PreferenceConfig.model_validate({"choice": choice, "min_margin": 0, "pairs": 5})


@pytest.mark.parametrize(
    ("choice", "rejected"),
    [
        ({}, "a b c d e f"),
        ({"rejected": "rank", "rejected_rank": 2}, "two words"),
        ({"rejected": "rank", "rejected_rank": 3}, "three words here"),
        ({"rejected": "rank", "rejected_rank": 9}, "a b c d e f"),  # the last there is
        # mean -0.5, standard deviation 2.693: wanted are -0.5, -3.193 and -5.885
        ({"rejected": "deviation", "deviations": 0}, "three words here"),
        ({"rejected": "deviation", "deviations": 1}, "a b c d e f"),
        ({"rejected": "deviation", "deviations": 2}, "a b c d e f"),
        ({"max_length_ratio": 2}, "two words"),
        ({"max_length_ratio": 3}, "three words here"),
        ({"rejected": "rank", "rejected_rank": 3, "max_length_ratio": 2}, "two words"),
    ],
)
def test_the_rejected_answer_is_the_one_that_was_asked_for(choice, rejected):
    made = choose(example(), answers(), settings(**choice))
    assert isinstance(made, PreferencePair)
    assert (made.chosen, made.rejected) == ("one", rejected)


def test_where_no_answer_is_of_like_length_there_is_no_pair():
    made = choose(
        example(), answers({"one": 1.0, "one two three": 0.0}), settings(max_length_ratio=2)
    )
    assert (made.rule, made.threshold) == ("length", 2.0)


def test_an_instruction_gives_at_most_so_many_pairs_and_all_count_as_one():
    pairs, rejections = pair_up([(example(), answers())], settings(pairs_per_instruction=2))
    assert [(one.id, one.rejected) for one in pairs] == [
        ("e", "a b c d e f"),
        ("e-2", "three words here"),
    ]
    assert rejections == []
    scored = [(example(name), answers()) for name in ("e", "f")]
    pairs, rejections = pair_up(scored, settings(pairs_per_instruction=9))
    assert [one.id for one in pairs] == ["e", "e-2", "e-3", "f", "f-2"]  # five are wanted
    assert rejections == []


def test_words_of_the_longer_a_word_of_the_shorter():
    one, other = answers({"a b c": 1.0, "": 0.0})
    assert length_ratio(one, other) == length_ratio(other, one) == 3


def test_one_side_has_its_own_choice():
    with pytest.raises(ValidationError, match=r"does not go with preference\.choice"):
        PreferenceConfig.model_validate({"one_side": "llama-1b", "choice": {"rejected": "rank"}})


def test_the_default_leaves_the_identity_of_pairs_alone(tmp_path):
    def pairs(**choice):
        config = StudyConfig.model_validate({"preference": {"choice": choice}})
        return Study(config, tmp_path).pairs

    assert "choice" not in pairs().config
    assert pairs().identity == pairs(rejected="lowest").identity != pairs(rejected="rank").identity
