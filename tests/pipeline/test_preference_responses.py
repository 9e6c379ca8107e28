import json
from collections import Counter

import pytest
from support.preference_models import preference_study, save_responder

from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.models.chat import Chat
from synthetic_instruction_tuner.preference import responses, voices
from synthetic_instruction_tuner.preference.run import (
    draw_responses,
    finish_responses,
    missing_spans,
)
from synthetic_instruction_tuner.progress import Silent


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_responder(tmp_path_factory.mktemp("responder"))


def drawn(study, name):
    for span in missing_spans(study, name):
        draw_responses(study, name, *span, Silent())
    return finish_responses(study, name)


def content(manifest):
    return manifest.path("responses.jsonl").read_bytes()


@pytest.fixture(scope="module")
def reference(model, tmp_path_factory):
    study = preference_study(tmp_path_factory.mktemp("reference"), model, model)
    return {one.name: content(drawn(study, one.name)) for one in study.config.preference.responders}


def test_one_response_an_example_in_order(model, reference):
    rows = [json.loads(line) for line in reference["warm"].splitlines()]
    assert [row["example"] for row in rows] == [f"e{number}" for number in range(10)]
    assert {row["responder"] for row in rows} == {"warm"}
    assert {row["finish"] for row in rows} == {"stop", "length"}
    assert all(row["tokens"] == 60 for row in rows if row["finish"] == "length")
    assert not any("<|eot_id|>" in row["text"] for row in rows)


def test_the_same_model_twice_answers_anew(reference):
    first, second = (
        [json.loads(line)["text"] for line in reference[name].splitlines()]
        for name in ("warm", "again")
    )
    assert all(one != other for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize(("chunk_size", "batch_size"), [(3, 32), (7, 2)])
def test_chunks_and_batches_do_not_change_a_byte(
    model, reference, tmp_path, chunk_size, batch_size
):
    study = preference_study(tmp_path, model, model, chunk_size=chunk_size, batch_size=batch_size)
    assert content(drawn(study, "warm")) == reference["warm"]


def test_a_chunk_is_drawn_once_and_a_finished_responder_never_again(model, tmp_path):
    study = preference_study(tmp_path, model, model)
    assert missing_spans(study, "cool") == [(0, 3), (4, 7), (8, 9)]
    first = draw_responses(study, "cool", 4, 7, Silent())
    assert missing_spans(study, "cool") == [(0, 3), (8, 9)]
    assert draw_responses(study, "cool", 4, 7, Silent()) == first
    finished = drawn(study, "cool")
    assert missing_spans(study, "cool") == []
    assert finish_responses(study, "cool") == finished
    assert finished.facts["responses"] == 10


def test_other_chunk_sizes_take_over_what_is_there(model, reference, tmp_path, monkeypatch):
    study = preference_study(tmp_path, model, model, chunk_size=4)
    draw_responses(study, "warm", 0, 3, Silent())
    other = preference_study(tmp_path, model, model, chunk_size=5)
    asked = Counter()
    draw = responses.draw
    monkeypatch.setattr(
        responses,
        "draw",
        lambda study, who, examples, *rest: (
            asked.update(one.id for one in examples) or draw(study, who, examples, *rest)
        ),
    )
    assert content(drawn(other, "warm")) == reference["warm"]
    assert sorted(asked) == [f"e{number}" for number in range(4, 10)]


def test_more_kept_rows_draw_only_the_new_ones(model, reference, tmp_path):
    drawn(preference_study(tmp_path, model, model, rows=6), "warm")
    study = preference_study(tmp_path, model, model, rows=10)
    facts = [draw_responses(study, "warm", *span, Silent()).facts for span in [(0, 3), (4, 7)]]
    assert [fact["drawn"] for fact in facts] == [0, 2]
    assert content(drawn(study, "warm")) == reference["warm"]


def test_a_higher_limit_redoes_only_what_ended_at_the_limit(model, reference, tmp_path):
    short = preference_study(tmp_path, model, model, limit=30, chunk_size=10)
    cut = drawn(short, "warm").facts["responses"] - drawn(short, "warm").facts["complete"]
    assert 0 < cut < 10
    study = preference_study(tmp_path, model, model, limit=60, chunk_size=10)
    assert draw_responses(study, "warm", 0, 9, Silent()).facts["drawn"] == cut
    assert content(drawn(study, "warm")) == reference["warm"]


def test_answers_under_two_templates_are_never_mixed(model, tmp_path, monkeypatch):
    study = preference_study(tmp_path, model, model, limit=5)
    draw_responses(study, "cool", 0, 3, Silent())
    draw_responses(study, "cool", 4, 7, Silent())
    monkeypatch.setattr(Chat, "fingerprint", "another")
    draw_responses(study, "cool", 8, 9, Silent())
    with pytest.raises(StageError, match=r"template of .* 'cool' has changed while it answered"):
        finish_responses(study, "cool")


def test_an_altered_old_chunk_is_not_taken_over(model, reference, tmp_path):
    study = preference_study(tmp_path, model, model, chunk_size=4)
    path = draw_responses(study, "warm", 0, 3, Silent()).path("responses.jsonl")
    path.write_text(path.read_text().replace('"finish": "stop"', '"finish": "length"'))
    other = preference_study(tmp_path, model, model, chunk_size=5)
    assert content(drawn(other, "warm")) == reference["warm"]


def test_putting_together_needs_every_chunk(model, tmp_path):
    study = preference_study(tmp_path, model, model)
    with pytest.raises(StageError, match=r"responses/cool/0000000-0000003.*run the preference"):
        finish_responses(study, "cool")


def test_unknown_responder_and_unknown_rows(model, tmp_path):
    study = preference_study(tmp_path, model, model)
    with pytest.raises(ConfigurationError, match=r"unknown responder 'hot'.*cool, warm, again"):
        missing_spans(study, "hot")
    with pytest.raises(StageError, match=r"no kept examples 8\.\.11"):
        draw_responses(study, "cool", 8, 11, Silent())


def test_what_a_killed_chunk_had_finished_is_not_drawn_again(
    model, reference, tmp_path, monkeypatch
):
    study = preference_study(tmp_path, model, model, chunk_size=10)

    class Dies:
        def update(self, done, total, note=""):
            if done >= 4:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        draw_responses(study, "warm", 0, 9, Dies())
    journal = study.store.staging(
        study.response_chunk(responses.find_responder(study, "warm"), 0, 9)
    )
    kept = len((journal / responses.JOURNAL).read_bytes().splitlines()) - 1
    assert kept >= 4
    engine = voices.open_engine(study.config.preference.responders[0].model)
    generate, asked = engine.generate, []
    monkeypatch.setattr(
        engine, "generate", lambda rows, *args: asked.append(len(rows)) or generate(rows, *args)
    )
    assert content(drawn(study, "warm")) == reference["warm"]
    assert asked == [10 - kept]


def test_control_tokens_of_unusual_form_are_noted_with_the_answers(model, tmp_path, monkeypatch):
    monkeypatch.setattr(responses, "control_tokens", lambda tokenizer: ("<|eot_id|>", "§end§"))
    study = preference_study(tmp_path, model, model, limit=5, chunk_size=10)
    assert drawn(study, "cool").facts["control_tokens"] == ["§end§"]
    other = preference_study(tmp_path, model, model, limit=5, chunk_size=4)
    monkeypatch.setattr(responses, "control_tokens", lambda tokenizer: pytest.fail("drawn again"))
    assert drawn(other, "cool").facts["control_tokens"] == ["§end§"]
