"""What a first chunk's yield says: causes by their share, and the setting that helps."""

import logging

import pytest

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.generation.advice import REMEDIES, advise, tell_yield
from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import all_rules

CONFIG = StudyConfig.model_validate({"generation": {"response": {"max_new_tokens": 77}}})


def samples(count=20, words=30, finish="stop", same=0):
    return [
        Sample(
            f"s{n}", n, "general", "", f"Ask number {0 if n < same else n} please", "word " * words,
            response_finish=finish,
        )
        for n in range(count)
    ]  # fmt: skip


def test_a_good_yield_needs_no_advice():
    assert advise(CONFIG, samples(), {"refusal": 2}) == ""
    assert advise(CONFIG, samples(), {}) == ""
    assert advise(CONFIG, [], {}) == ""


def test_what_takes_most_comes_first_and_what_takes_little_is_left_out():
    told = advise(CONFIG, samples(40), {"language": 4, "refusal": 10, "harmful": 1})
    assert told.startswith("62% of the first 40 samples pass. To raise that: refusal takes 25%: ")
    assert told.index("refusal") < told.index("language takes 10%")
    assert "harmful" not in told


def test_cut_answers_name_the_limit_that_cuts():
    told = advise(CONFIG, samples(finish="length"), {"truncation": 12})
    assert "raise generation.response.max_new_tokens (now 77)" in told


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (2, "20 rows have fewer than 20 words: lower filtering.rules.length.min_words"),
        (600, "20 rows have more than 500 words: raise filtering.rules.length.max_words"),
    ],
)
def test_too_short_and_too_long_rows_need_the_opposite(words, advice):
    assert advice in advise(CONFIG, samples(words=words), {"length": 15})


def test_copies_are_a_cause_of_their_own():
    told = advise(CONFIG, samples(same=11), {})  # one of the eleven is new
    assert told.startswith("50% of the first 20 samples pass")
    assert "copies takes 50%: raise generation.instruction.temperature" in told


def test_every_rule_has_its_advice(caplog):
    caplog.set_level(logging.INFO)
    for rule in all_rules():
        caplog.clear()
        tell_yield(CONFIG, samples(), {rule: 20})
        assert f"{rule} takes 100%: " in caplog.text
    assert set(REMEDIES) < set(all_rules())
