import json
import os
import signal
import subprocess
import sys

import pytest
from support.chat_families import tokenizer_of
from support.generation_study import generation_study
from support.preference_models import save_responder

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.generation import drawing
from synthetic_instruction_tuner.generation.run import draw_chunk, missing_spans, read_samples
from synthetic_instruction_tuner.models.binding import bind
from synthetic_instruction_tuner.models.engines import Completion, close_engine
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.storage.artifacts import read_manifest

TWO = [{"name": "code", "system_prompt": "Ask about code.", "weight": 2}, {"name": "general"}]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    yield save_responder(tmp_path_factory.mktemp("teacher"))
    close_engine()


def drawn(study, upto=10):
    for span in missing_spans(study, upto):
        draw_chunk(study, *span, Silent())
    return read_samples(study, upto)


def lines(study):
    return [
        study.store.require(study.chunk(*span)).path("samples.jsonl").read_bytes()
        for span in [(0, 3), (4, 7), (8, 9)]
    ]


@pytest.fixture(scope="module")
def reference(teacher, tmp_path_factory):
    study = generation_study(tmp_path_factory.mktemp("reference"), teacher, domains=TWO)
    return drawn(study), lines(study)


@pytest.mark.parametrize(
    "settings", [{"chunk_size": 10}, {"chunk_size": 3, "batch_size": 1}, {"batch_size": 2}]
)
def test_chunks_and_batches_do_not_change_a_sample(teacher, reference, tmp_path, settings):
    assert drawn(generation_study(tmp_path, teacher, domains=TWO, **settings)) == reference[0]


def test_samples_are_complete_records(reference):
    samples = reference[0]
    assert [one.index for one in samples] == list(range(10))
    assert [one.domain for one in samples[:6]] == ["code", "general", "code"] * 2
    assert samples[0].system_prompt == "Ask about code."
    for one in samples:
        assert one.instruction == one.instruction.strip()
        assert one.instruction in one.instruction_raw
        if one.instruction_finish == "stop":
            assert one.instruction_raw.endswith("|>")
        else:
            assert (one.instruction_tokens, one.response_finish) == (40, "skipped")
        if one.response_finish == "length":
            assert one.response_tokens == 30
    finishes = {(one.instruction_finish, one.response_finish) for one in samples}
    assert len(finishes) >= 2


def test_drawing_again_changes_nothing_and_more_draws_keep_the_first(teacher, reference, tmp_path):
    study = generation_study(tmp_path, teacher, domains=TWO)
    drawn(study)
    manifest = read_manifest(study.store.folder(study.chunk(0, 3)))
    assert draw_chunk(study, 0, 3, Silent()) == manifest
    assert drawn(study, 14)[:10] == reference[0]
    assert lines(study) == reference[1]


def test_facts_say_how_it_went(teacher, tmp_path):
    study = generation_study(tmp_path, teacher)
    facts = draw_chunk(study, 0, 3, Silent()).facts
    samples = read_samples(study, 4)
    assert facts["tokens"] == sum(one.instruction_tokens + one.response_tokens for one in samples)
    assert facts["tokens_per_second"] == pytest.approx(facts["tokens"] / facts["seconds"], rel=0.05)
    assert sum(facts["finish"]["instruction"].values()) == facts["samples"] == 4
    assert facts["draws"] == study.draws.identity
    assert facts["family"] == "sandbox"
    assert facts["prefix"].endswith("<|start_header_id|>user<|end_header_id|>\n\n")


def test_a_larger_limit_redoes_only_what_was_cut(teacher, tmp_path, monkeypatch):
    short = generation_study(tmp_path, teacher, instruction={"max_new_tokens": 20})
    before = {one.index: one for one in drawn(short)}
    asked = []
    generate = drawing.open_engine(short.config.generation.teacher).generate

    def counted(requests, *args):
        asked.append(len(requests))
        return generate(requests, *args)

    study = generation_study(tmp_path, teacher, chunk_size=10)
    engine = drawing.open_engine(study.config.generation.teacher)
    monkeypatch.setattr(engine, "generate", counted)
    after = drawn(study)
    cut = [one for one in before.values() if one.instruction_finish == "length"]
    short_answers = [one for one in before.values() if one.response_finish == "length"]
    assert 0 < len(cut) < 10
    healed = [one for one in cut if after[one.index].instruction_finish == "stop"]
    assert asked == [len(cut), len(short_answers) + len(healed)]
    monkeypatch.undo()
    fresh = generation_study(tmp_path / "fresh", teacher, chunk_size=10)
    assert after == drawn(fresh)
    assert [one.id for one in after] == [one.id for one in before.values()]


def test_conversations_of_several_turns(teacher, tmp_path):
    settings = {
        "turns": 2,
        "instruction": {"max_new_tokens": 150},
        "response": {"max_new_tokens": 150},
    }
    samples = drawn(generation_study(tmp_path, teacher, **settings), 8)
    whole = [one for one in samples if len(one.messages) == 4]
    assert whole
    for one in whole:
        roles = [turn["role"] for turn in one.messages]
        assert roles == ["user", "assistant", "user", "assistant"]
        assert (one.messages[0]["content"], one.messages[1]["content"]) == (
            one.instruction,
            one.response,
        )
        assert len({turn["content"] for turn in one.messages}) == 4
    for one in samples:
        if "length" in (one.instruction_finish, one.response_finish):
            assert len(one.messages) < 4 or one.messages[3]["content"]


PLANTED = [
    "Write a job ad for an administrative assistant in Boston.",
    "Fix this:\n```python\ndef f(x):\n    return x  # assistant: add 1\n```\n\nand explain.",
    "Sort these:\n- pears\n- apples\n\n1. first\n2. second",
    "user: hello\nassistant: hello\nWhat does this log mean?",
]


class Script:
    """An engine that recites, as a teacher that writes just this."""

    device_name = "script"
    revision = None
    end_ids = ()

    def __init__(self, tokenizer, texts):
        self.tokenizer, self.texts = tokenizer, texts
        self.requests = []

    def generate(self, requests, batch_size, progress=None, finished=None):
        self.requests += requests
        stop = self.tokenizer.convert_tokens_to_ids("<|eot_id|>")
        recited = (
            self.tokenizer(text, add_special_tokens=False)["input_ids"] for text in self.texts
        )
        return [Completion((*ids, stop), "stop") for ids, _ in zip(recited, requests, strict=True)]


def test_planted_instructions_come_through_uncut(teacher, tmp_path, monkeypatch):
    script = Script(tokenizer_of("llama-3"), PLANTED)
    monkeypatch.setattr(drawing, "open_engine", lambda *_: script)
    study = generation_study(tmp_path, teacher)
    samples = drawn(study, 4)
    assert [one.instruction for one in samples] == PLANTED
    assert all(one.instruction_raw == f"{one.instruction}<|eot_id|>" for one in samples)
    template = bind(script.tokenizer, "sandbox")
    for one, request in zip(samples, script.requests[4:], strict=True):
        turns = [{"role": "user", "content": one.instruction}]
        assert request.prompt == tuple(template.response_prompt(turns))


def test_a_teacher_that_changed_under_its_name_is_noticed(teacher, tmp_path, monkeypatch):
    study = generation_study(tmp_path, teacher)
    draw_chunk(study, 0, 3, Silent())
    engine = drawing.open_engine(study.config.generation.teacher)
    monkeypatch.setattr(engine, "revision", "4d2f")
    with pytest.raises(StageError, match=r"the revision of .* is 4d2f, .* was drawn with None"):
        draw_chunk(study, 4, 7, Silent())
    other = Script(tokenizer_of("llama-3"), PLANTED)
    monkeypatch.setattr(drawing, "open_engine", lambda *_: other)
    with pytest.raises(StageError, match=r"the template of .* pin generation.teacher.revision"):
        draw_chunk(study, 4, 7, Silent())


KILLED = """
import os, signal, sys
from pathlib import Path
from support.generation_study import generation_study
from synthetic_instruction_tuner.generation.run import draw_chunk, missing_spans
root, teacher, limit = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
class Killer:
    count = 0
    def update(self, done, total, note=""):
        Killer.count += 1
        if Killer.count == limit:
            os.kill(os.getpid(), signal.SIGKILL)
study = generation_study(root, teacher, domains=DOMAINS)
for span in missing_spans(study, 10):
    draw_chunk(study, *span, Killer())
"""


def test_killed_and_started_again_gives_the_same_bytes(teacher, reference, tmp_path):
    script = KILLED.replace("DOMAINS", repr(TWO))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, str(tmp_path), str(teacher)]
    killed = subprocess.run([*command, "13"], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    study = generation_study(tmp_path, teacher, domains=TWO)
    left = missing_spans(study, 10)
    assert 0 < len(left) < 3
    assert drawn(study) == reference[0]
    assert lines(study) == reference[1]
    assert json.loads(lines(study)[0].splitlines()[0])["index"] == 0


class Dies:
    """Progress that ends the session at its n-th report."""

    def __init__(self, reports):
        self.left = reports

    def update(self, done, total, note=""):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def asked_for(monkeypatch, study):
    """Count the requests that the engine is given from now on."""
    engine, counts = drawing.open_engine(study.config.generation.teacher), []
    generate = engine.generate

    def counted(requests, *args):
        counts.append(len(requests))
        return generate(requests, *args)

    monkeypatch.setattr(engine, "generate", counted)
    return counts


@pytest.mark.parametrize("reports", [1, 2, 5, 9, 12])
def test_what_a_killed_chunk_had_finished_is_not_drawn_again(
    teacher, reference, tmp_path, monkeypatch, reports
):
    study = generation_study(tmp_path, teacher, domains=TWO, chunk_size=10)
    with pytest.raises(KeyboardInterrupt):
        draw_chunk(study, 0, 9, Dies(reports))
    journal = study.store.staging(study.chunk(0, 9)) / drawing.JOURNAL
    kept = len(journal.read_bytes().splitlines()) - 1  # without the header
    assert kept >= min(reports, 10)
    counts = asked_for(monkeypatch, study)
    manifest = draw_chunk(study, 0, 9, Silent())
    turns = sum(2 - (one.response_finish == "skipped") for one in reference[0])
    assert sum(counts) == turns - kept
    assert manifest.path("samples.jsonl").read_bytes() == b"".join(reference[1])
    assert list(manifest.files) == ["samples.jsonl"]
    assert manifest.facts["tokens"] == sum(
        one.instruction_tokens + one.response_tokens for one in reference[0]
    )


@pytest.mark.parametrize("lost", [1, 30])
def test_a_turn_torn_by_the_kill_is_drawn_again(teacher, reference, tmp_path, monkeypatch, lost):
    study = generation_study(tmp_path, teacher, domains=TWO, chunk_size=10)
    with pytest.raises(KeyboardInterrupt):
        draw_chunk(study, 0, 9, Dies(8))
    journal = study.store.staging(study.chunk(0, 9)) / drawing.JOURNAL
    kept = len(journal.read_bytes().splitlines()) - 1
    journal.write_bytes(journal.read_bytes()[:-lost])
    counts = asked_for(monkeypatch, study)
    manifest = draw_chunk(study, 0, 9, Silent())
    turns = sum(2 - (one.response_finish == "skipped") for one in reference[0])
    assert sum(counts) == turns - kept + 1
    assert manifest.path("samples.jsonl").read_bytes() == b"".join(reference[1])
