"""Tags: what counts as one, what is asked, and that a kill asks nothing twice."""

import json

import pytest

from synthetic_instruction_tuner.config import ModelConfig, QualityConfig
from synthetic_instruction_tuner.filtering import tags
from synthetic_instruction_tuner.filtering.signals import violation
from synthetic_instruction_tuner.models.engines import Completion
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.storage.journal import Journal

GOOD = {"category": "Math", "asked_difficulty": "hard", "input_quality": "good"}


def test_levels_become_numbers_and_words_after_the_object_do_not_matter():
    found = {"category": "math", "asked_difficulty": 4.0, "input_quality": 4.0}
    assert tags.read_tags(json.dumps(GOOD)) == found
    assert tags.read_tags(json.dumps(GOOD) + " I hope this helps.") == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{no json}",
        "[1]",
        json.dumps(GOOD | {"category": "cooking"}),
        json.dumps(GOOD | {"asked_difficulty": "4"}),
        json.dumps({name: GOOD[name] for name in ("category", "input_quality")}),
        "{" * 5000 + "}" * 5000,
    ],
)
def test_anything_else_is_no_tag(text):
    assert tags.read_tags(text) == {}


def test_a_row_of_poor_input_is_rejected_and_one_without_tags_is_not():
    settings = QualityConfig.model_validate(
        {"tagger": {"name": "sandbox:teacher"}, "min_input_quality": 3}
    )
    assert violation({"input_quality": 2.0, "category": "math"}, settings) == (
        "input_quality 2.0",
        "at least 3",
    )
    assert violation({"input_quality": 3.0}, settings) is None
    assert violation({}, settings) is None


class Writer:
    """An engine whose answers are letters of a made-up tokenizer."""

    end_ids = (0,)

    def __init__(self, answers):
        self.answers, self.asked = answers, []
        self.tokenizer = self

    def generate(self, requests, batch_size, progress=None, finished=None):
        made = []
        for place, request in enumerate(requests):
            self.asked.append(request.prompt)
            made.append(Completion(tuple(map(ord, self.answers.pop(0))), "stop"))
            finished(place, made[-1])
        return made

    def encode(self, text, add_special_tokens):
        return list(map(ord, text))

    def response_prompt(self, turns):
        return [ord(letter) for letter in turns[0]["content"]]

    stop_ids = (0,)

    def answer(self, tokens):
        return "".join(map(chr, tokens))


def test_the_brace_is_written_for_the_model_and_finished_rows_are_not_asked_again(
    tmp_path, monkeypatch
):
    rows = [Sample(f"r{n}", n, "general", "", f"Ask {n}", "Say") for n in range(3)]
    rest = json.dumps(GOOD)[1:]
    writer = Writer([rest, "no idea"])
    monkeypatch.setattr(tags, "open_engine", lambda model: writer)
    monkeypatch.setattr(tags, "bind", lambda tokenizer, family, ends: writer)
    model = ModelConfig(name="sandbox:teacher")
    with pytest.raises(IndexError):  # the third is never answered
        tags.tag(rows, model, 4, Journal(tmp_path / "j"), Silent())
    assert "".join(map(chr, writer.asked[0])).endswith("{")
    assert "Ask 0" in "".join(map(chr, writer.asked[0]))
    writer.answers, writer.asked = [rest], []
    found = tags.tag(rows, model, 4, Journal(tmp_path / "j"), Silent())
    assert set(found) == {"r0", "r2"}  # the second answer could not be read
    assert len(writer.asked) == 1
