"""Cut answers are drawn on until enough instructions have two whole ones, and no further."""

import dataclasses

import pytest
from support.preference_models import preference_study, save_responder

from synthetic_instruction_tuner.preference import lengthening, responses
from synthetic_instruction_tuner.preference.pairing import is_complete
from synthetic_instruction_tuner.preference.run import (
    draw_responses,
    finish_responses,
    lengthen_responses,
    missing_spans,
)
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.records import Response, read_lines

NAMES = ("cool", "warm", "again")
SHORT = 15


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_responder(tmp_path_factory.mktemp("responder"))


def answered(study):
    """Draw all first answers; return them by responder and example."""
    for name in NAMES:
        for span in missing_spans(study, name):
            draw_responses(study, name, *span, Silent())
        finish_responses(study, name)
    return lengthening._first_answers(study)


@pytest.fixture(scope="module")
def at_once(model, tmp_path_factory):
    """What the same draws give under four times the limit from the start."""
    folder = tmp_path_factory.mktemp("reference")
    return answered(preference_study(folder, model, model, limit=4 * SHORT))


def short_study(folder, model, **settings):
    return preference_study(folder, model, model, limit=SHORT, chunk_size=10, **settings)


def able(answers):
    """Count the examples with two whole answers by hand."""
    whole = [place for (_, place), one in answers.items() if is_complete(one)]
    return [place for place in dict.fromkeys(whole) if whole.count(place) >= 2]


def test_cut_answers_become_what_a_higher_limit_gives_at_once(model, at_once, tmp_path):
    study = short_study(tmp_path, model, lengthen=2)
    first = answered(study)
    manifest = lengthen_responses(study, Silent())
    rows = list(read_lines(manifest.path("responses.jsonl"), Response))
    final = {(one.responder, one.example): one for one in rows}
    assert list(final) == list(first)
    assert len(able(first)) < len(able(final)) == len(able(at_once))
    for place, row in final.items():
        if row != first[place]:
            assert first[place].finish == "length"
            longer = at_once[place]
            assert row.tokens > SHORT
            assert row == longer or (row.finish == "length" and longer.text.startswith(row.text))
    assert study.answers == (study.lengthened,)


def test_what_each_round_drew_and_left_is_recorded(model, tmp_path):
    study = short_study(tmp_path, model, lengthen=2)
    first = answered(study)
    rounds = lengthen_responses(study, Silent()).facts["rounds"]
    short = {one for one in {place for _, place in first} if one not in able(first)}
    cut = [one for (_, place), one in first.items() if place in short and one.finish == "length"]
    assert (rounds[0]["times"], rounds[0]["drawn"]) == (2, len(cut))
    assert [one["able"] for one in rounds] == sorted(one["able"] for one in rounds)


def test_it_ends_as_soon_as_there_are_enough(model, tmp_path, monkeypatch):
    study = short_study(tmp_path, model, lengthen=4, pairs=1)
    first = answered(study)
    examples = responses.kept_examples(study)
    whole = {
        place: dataclasses.replace(one, finish="stop", text="An answer")
        for place, one in first.items()
        if place[1] in (examples[0].id, examples[4].id)  # one of each split
    }
    monkeypatch.setattr(lengthening, "_first_answers", lambda study: first | whole)
    monkeypatch.setattr(lengthening, "draw", lambda *arguments: pytest.fail("drawn"))
    assert lengthen_responses(study, Silent()).facts["rounds"] == []


def test_a_killed_round_goes_on_where_it_was(model, tmp_path):
    study = short_study(tmp_path / "one", model, lengthen=1)
    answered(study)

    class Dies:
        def update(self, done, total, note=""):
            if done >= 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lengthen_responses(study, Dies())
    resumed = lengthen_responses(study, Silent()).path("responses.jsonl").read_bytes()
    other = short_study(tmp_path / "two", model, lengthen=1)
    answered(other)
    assert lengthen_responses(other, Silent()).path("responses.jsonl").read_bytes() == resumed


def test_a_side_that_must_take_part_counts(model, tmp_path):
    study = short_study(tmp_path, model, lengthen=1, one_side="again")
    example = responses.kept_examples(study)[0]
    cut = Response("x", example.id, "again", "Ask", "Cut", "length", SHORT)
    whole = dataclasses.replace(cut, finish="stop")
    answers = {("cool", example.id): whole, ("warm", example.id): whole}
    settings = study.config.preference
    assert not lengthening.can_pair(example, answers | {("again", example.id): cut}, settings)
    assert lengthening.can_pair(example, answers | {("again", example.id): whole}, settings)
