"""What later stages need is counted where it arises: cut texts, whole answers, pairs of a split."""

import dataclasses
import logging

import pytest

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.generation.limits import tell_cut
from synthetic_instruction_tuner.preference.pairing import (
    SPLITS,
    require_answers,
    require_splits,
)
from synthetic_instruction_tuner.records import Example, PreferencePair, Rejection, Response

EXAMPLES = [
    Example("a", "Ask a", "x", "general", 1.0, "a", "train"),
    Example("b", "Ask b", "x", "general", 1.0, "b", "validation"),
]


def answer(example: str, who: str, finish: str = "stop") -> Response:
    return Response(f"{who}-{example}", example, who, "Ask", "An answer", finish, 3)


def answers(**finishes: str) -> list[Response]:
    """Two responders' answers to both examples; `a_small="length"` cuts one of them."""
    return [
        answer(one, who, finishes.get(f"{one}_{who}", "stop"))
        for who in ("large", "small")
        for one in ("a", "b")
    ]


def test_two_whole_answers_in_every_split_are_enough() -> None:
    require_answers(EXAMPLES, answers(), SPLITS)


def test_a_split_without_two_whole_answers_stops_before_scoring_and_says_who_is_cut() -> None:
    with pytest.raises(StageError) as stopped:
        require_answers(EXAMPLES, answers(b_small="length"), SPLITS)
    assert "no example of the validation split has two whole answers" in str(stopped.value)
    assert "large 0, small 1" in str(stopped.value)
    assert "preference.responders" in str(stopped.value)


def test_pairs_that_are_all_in_one_split_stop_before_training_and_say_why() -> None:
    pair = PreferencePair(
        **{field.name: "x" for field in dataclasses.fields(PreferencePair)} | {"split": "train"}
    )
    lost = [Rejection(f"r{n}", "preference", "incomplete", 1, 2, {}) for n in range(57)]
    require_splits([pair], lost, ["train"])
    with pytest.raises(StageError, match="none of 1 pairs is in the validation split") as stopped:
        require_splits([pair], lost, SPLITS)
    assert "incomplete 57" in str(stopped.value)


@pytest.mark.parametrize(("cut", "told"), [(0, False), (19, False), (20, True), (66, True)])
def test_a_chunk_of_which_a_fifth_is_cut_names_the_setting(caplog, cut, told) -> None:
    with caplog.at_level(logging.WARNING):
        tell_cut(cut, 100, "responses", "generation.response.max_new_tokens", 256)
    assert (f"{cut} of 100 responses" in caplog.text) is told
    assert ("generation.response.max_new_tokens=256" in caplog.text) is told


def test_nothing_drawn_is_nothing_cut(caplog) -> None:
    tell_cut(0, 0, "responses", "generation.response.max_new_tokens", 256)
    assert caplog.text == ""
