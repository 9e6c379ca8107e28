"""Traps of evaluating several adapters on one base; each was met, none may come back."""

import json
import shutil
import socket
import weakref
from pathlib import Path

import pytest
from support import evaluation_bench as bench

from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.evaluation import generation, run
from synthetic_instruction_tuner.evaluation.kinds import lm_eval as kind
from synthetic_instruction_tuner.evaluation.likelihood import likelihoods
from synthetic_instruction_tuner.evaluation.likelihood.batching import Request, plan
from synthetic_instruction_tuner.evaluation.likelihood.scoring import Scorer
from synthetic_instruction_tuner.evaluation.prompts import read_prompts
from synthetic_instruction_tuner.models.loading import load_causal
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.study.design import PROMPT_STEP
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.training import students

MMLU = BenchmarkConfig(name="mmlu", num_fewshot=0)
HELLASWAG = BenchmarkConfig(name="hellaswag")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Study:
    root = tmp_path_factory.mktemp("traps")
    student, data = bench.make_student(root / "m"), bench.write_data(root / "d")
    study = bench.make_study(
        root / "ws", student, data,
        benchmarks=[MMLU.model_dump(), HELLASWAG.model_dump(), {"name": "verifiable", "items": 24}],
    )  # fmt: skip
    run.prepare_items(study, Silent())
    return study


@pytest.fixture
def study(prepared: Study, tmp_path: Path) -> Study:
    """A workspace of its own, with items and adapters but no results."""
    shutil.copytree(prepared.root, tmp_path / "ws")
    return Study(prepared.config, tmp_path / "ws")


def logits(model, text: str, tokenizer):
    import torch

    with torch.inference_mode():
        return model(torch.tensor([tokenizer(text)["input_ids"]])).logits[0, -1]


def items_of(study: Study, name: str, benchmark: BenchmarkConfig) -> bytes:
    return (
        run.evaluate(study, study.subject(name), benchmark, Silent())
        .path("items.jsonl")
        .read_bytes()
    )


def test_the_base_is_bit_equal_to_a_fresh_one_after_every_adapter(study: Study) -> None:
    raw, tokenizer = load_causal(study.student)
    expected = logits(raw, "one two", tokenizer)
    for name in ("base", "sft", "base", "prompt_tuning", "base", "other", "base"):
        with students.under_test(study, study.subject(name)) as student:
            found = logits(student.wrapped, "one two", tokenizer)
            assert found.equal(expected) == (name == "base"), name
            assert not hasattr(student.model, "peft_config") or name != "base"


def test_no_lora_is_active_under_a_soft_prompt(study: Study) -> None:
    from peft import PeftModel

    raw, tokenizer = load_causal(study.student)
    folder = study.store.require(study.trained(study.subject("prompt_tuning"))).folder / "final"
    alone = PeftModel.from_pretrained(raw, folder).eval()
    expected = logits(alone, "one two", tokenizer)
    with students.under_test(study, study.subject("sft")):
        pass
    with students.under_test(study, study.subject("prompt_tuning")) as student:
        assert logits(student.wrapped, "one two", tokenizer).equal(expected)


def test_base_and_questions_are_forgotten_after_the_evaluation(study: Study) -> None:
    with run.one_base():
        run.evaluate(study, study.subject("base"), MMLU, Silent())
        loaded = weakref.ref(students._Loaded.student.model)
        assert kind._Cache.prepared
    assert loaded() is None
    assert not kind._Cache.prepared


def test_dropout_is_off_after_every_switch(study: Study) -> None:
    for name in ("sft", "prompt_tuning", "sft", "other"):
        with students.under_test(study, study.subject(name)) as student:
            assert not any(one.training for one in student.wrapped.modules())
            first = logits(student.wrapped, "one two", student.tokenizer)
            assert first.equal(logits(student.wrapped, "one two", student.tokenizer))


@pytest.mark.parametrize("name", ["base", "sft", "prompt_tuning"])
def test_generation_does_not_depend_on_the_batch_size(study: Study, name: str) -> None:
    texts = ["one", "Which is number two of anatomy?", "x " * 40, "three and four", "A"] * 4
    with students.under_test(study, study.subject(name)) as student:
        found = {
            size: generation.continue_texts(student, texts, 12, 512, size) for size in (1, 5, 16)
        }
    assert found[1] == found[5] == found[16]


@pytest.mark.parametrize("name", ["base", "sft", "prompt_tuning"])
def test_scores_do_not_depend_on_batch_size_or_neighbours(study: Study, name: str) -> None:
    contexts = [tuple(range(20, 20 + length)) for length in (12, 30, 9, 17)]
    contexts += [(7,) * 10 + context for context in contexts]
    requests = [Request(one, rest) for one in contexts for rest in ((9,), (8, 9, 10), (9, 9))]
    with students.under_test(study, study.subject(name)) as student:
        found = []
        for size in (1, 3, 16):
            scorer = Scorer(student.model, student.soft_prompt())
            answers: dict = {}
            for batch in plan(requests, 100, size):
                answers |= scorer.score(batch)
            found.append([answers[place].logprob for place in range(len(requests))])
    assert found[1] == pytest.approx(found[0], abs=1e-5)
    assert found[2] == pytest.approx(found[0], abs=1e-5)


def test_a_soft_prompt_shortens_the_context_of_all_models_alike(study: Study) -> None:
    limits = {}
    for name in ("base", "sft", "prompt_tuning"):
        found = run.evaluate(study, study.subject(name), HELLASWAG, Silent())
        limits[name] = json.loads(found.path("result.json").read_text())["conditions"]["max_length"]
    assert set(limits.values()) == {2048 - PROMPT_STEP}


def test_too_long_requests_are_cut_as_lm_eval_cuts_them(prepared: Study, tmp_path: Path) -> None:
    short = prepared.config.model_copy(
        update={"evaluation": prepared.config.evaluation.model_copy(update={"max_length": 70})}
    )
    shutil.copytree(prepared.root, tmp_path / "ws")
    study = Study(short, tmp_path / "ws")
    for name in ("base", "prompt_tuning"):
        found = run.evaluate(study, study.subject(name), HELLASWAG, Silent())
        agreement = json.loads(found.path("result.json").read_text())["measurements"]["agreement"]
        assert agreement["used"] == "fast", agreement


@pytest.mark.parametrize("benchmark", [HELLASWAG, BenchmarkConfig(name="verifiable", items=24)])
def test_requests_that_lose_their_beginning_are_counted_and_said(
    prepared: Study, tmp_path: Path, benchmark: BenchmarkConfig, caplog: pytest.LogCaptureFixture
) -> None:
    """Counted by hand: the lengths that the log of a run without any limit tells."""
    shutil.copytree(prepared.root, tmp_path / "ws")
    lengths: list[int] = []

    def short(limit: int) -> Study:
        evaluation = prepared.config.evaluation.model_copy(update={"max_length": limit})
        return Study(prepared.config.model_copy(update={"evaluation": evaluation}), tmp_path / "ws")

    study = short(70)
    room = 70 - study.virtual_tokens
    with students.under_test(study, study.subject("base")) as student:
        tokenizer = student.tokenizer
        if benchmark is HELLASWAG:
            for path in sorted(study.store.require(study.items).folder.rglob("*.jsonl")):
                if "hellaswag" in str(path):
                    rows = [json.loads(line) for line in path.read_text().splitlines()]
            for row in rows:
                start = f"{row['activity_label']}: {row['ctx_a']} {row['ctx_b'].capitalize()}"
                whole = [f"{start} {end}" for end in row["endings"]]
                lengths += [len(tokenizer(text)["input_ids"]) - 1 for text in whole]
        else:
            room -= study.config.evaluation.max_new_tokens
            for prompt in read_prompts(study.store.require(study.items), benchmark):
                turns = [{"role": "user", "content": prompt.text}]
                asked = tokenizer.apply_chat_template(
                    turns, add_generation_prompt=True, return_dict=False
                )
                lengths.append(len(asked))
    with caplog.at_level("WARNING", "synthetic_instruction_tuner"):
        found = run.evaluate(study, study.subject("base"), benchmark, Silent())
    measured = json.loads(found.path("result.json").read_text())["measurements"]
    cut = sum(length > room for length in lengths)
    assert (measured["cut_requests"], measured["requests"]) == (cut, len(lengths))
    assert (f"{cut} of {len(lengths)} requests of" in caplog.text) == (cut > 0)


def test_what_the_scorers_sample_showed_is_said(study: Study, caplog) -> None:
    with caplog.at_level("INFO", "synthetic_instruction_tuner"):
        items_of(study, "base", MMLU)
    assert "base on mmlu-0shot: fast scorer; on 12 items of a sample the scorers" in caplog.text


def test_adapters_of_one_kind_never_share_scores(study: Study) -> None:
    results = {items_of(study, name, MMLU) for name in ("base", "sft", "other", "prompt_tuning")}
    assert len(results) == 4


def test_another_adapter_under_the_same_name_is_measured_anew(study: Study) -> None:
    before = items_of(study, "sft", MMLU)
    assert items_of(study, "sft", MMLU) == before
    shutil.rmtree(study.store.folder(study.trained(study.subject("sft"))))
    bench.commit_adapter(study, "sft", seed=77)
    assert items_of(study, "sft", MMLU) != before
    assert any((study.root / ".set-aside").iterdir())


def test_a_swapped_adapter_file_is_an_error(study: Study) -> None:
    sft, other = (
        study.store.folder(study.trained(study.subject(name))) / "final/adapter_model.safetensors"
        for name in ("sft", "other")
    )
    shutil.copy(other, sft)
    with pytest.raises(StageError, match=r"sft .models/sft. is missing or was damaged"):
        run.evaluate(study, study.subject("sft"), MMLU, Silent())


def test_edited_items_are_an_error(study: Study) -> None:
    path = study.store.folder(study.items) / "rows/mmlu/anatomy/test.jsonl"
    path.write_text(path.read_text().replace('"answer": 0', '"answer": 1'))
    with pytest.raises(StageError, match=r"items .* is missing or was damaged"):
        run.evaluate(study, study.subject("base"), MMLU, Silent())


def test_scores_that_are_no_numbers_are_an_error(study: Study) -> None:
    import safetensors.torch

    subject = study.subject("sft")
    folder = study.store.folder(study.trained(subject))
    path = folder / "final/adapter_model.safetensors"
    weights = safetensors.torch.load_file(path)
    staging = study.store.staging(study.trained(subject))
    shutil.copytree(folder / "final", staging / "final")
    broken = {name: value * float("nan") for name, value in weights.items()}
    safetensors.torch.save_file(broken, staging / "final/adapter_model.safetensors")
    shutil.rmtree(folder)
    study.store.commit(study.trained(subject), {}, 0.0)
    with pytest.raises(StageError, match="nan, not a number"):
        run.evaluate(study, subject, MMLU, Silent())
    with pytest.raises(StageError, match="NaN"):
        run.evaluate(study, subject, study.config.evaluation.benchmarks[2], Silent())
    assert study.store.find(study.result(subject, MMLU)) is None


class Killed(BaseException):
    """Stands for the process being gone."""


@pytest.mark.parametrize("kill_at", [1, 7])
def test_a_killed_evaluation_repeats_one_batch_and_ends_byte_equal(
    study: Study, monkeypatch: pytest.MonkeyPatch, kill_at: int
) -> None:
    whole = Study(study.config, study.root.parent / "whole")
    shutil.copytree(study.root, whole.root)
    counted: list[int] = []
    original = likelihoods.score_batch

    def score(batch, scorer):
        counted.append(1)
        if len(counted) == kill_at:
            raise Killed
        return original(batch, scorer)

    expected = items_of(whole, "sft", MMLU)
    monkeypatch.setattr(likelihoods, "score_batch", score)
    with pytest.raises(Killed):
        items_of(study, "sft", MMLU)
    assert items_of(study, "sft", MMLU) == expected
    batches = 12  # one an item: four choices of two tokens (" " and "A") fill a batch of four
    assert len(counted) <= batches + 1


def test_unfinished_work_of_another_adapter_is_not_used(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    original = likelihoods.score_batch

    def score(batch, scorer):
        counted.append(1)
        if len(counted) == 4:
            raise Killed
        return original(batch, scorer)

    monkeypatch.setattr(likelihoods, "score_batch", score)
    with pytest.raises(Killed):
        items_of(study, "sft", MMLU)
    shutil.rmtree(study.store.folder(study.trained(study.subject("sft"))))
    bench.commit_adapter(study, "sft", seed=77)
    found = items_of(study, "sft", MMLU)
    whole = Study(study.config, study.root.parent / "whole")
    shutil.copytree(study.root, whole.root)
    shutil.rmtree(whole.root / "evaluation/results")
    assert items_of(whole, "sft", MMLU) == found


def test_neither_network_nor_the_index_of_all_tasks_nor_lm_evals_caches_are_used(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    import lm_eval.api.task
    import lm_eval.tasks.manager

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("not allowed here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(lm_eval.tasks.manager.TaskManager, "__init__", refuse)
    monkeypatch.setattr(lm_eval.api.task, "load_from_cache", refuse)
    monkeypatch.setattr(lm_eval.api.task, "save_to_cache", refuse)
    kind._Cache.prepared.clear()
    students.release()
    for one in study.config.evaluation.benchmarks:
        run.evaluate(study, study.subject("base"), one, Silent())
