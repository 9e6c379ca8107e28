"""Arms trained on a tiny student: what they ship, and what happens when something goes wrong."""

import errno
import json
import os
import weakref
from pathlib import Path

import pytest
from support import training_models

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.methods.losses.objective import Supervised
from synthetic_instruction_tuner.storage import disk
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.training import loop, result
from synthetic_instruction_tuner.training.checkpoints import checkpoint
from synthetic_instruction_tuner.training.job import Job
from synthetic_instruction_tuner.training.run import make_job
from synthetic_instruction_tuner.training.session import train

FAST = {"batch_size": 8, "epochs": 1, "learning_rate": 1e-2}
SFT = (
    "lora",
    "rslora",
    "dora",
    "ia3",
    "vera",
    "prompt_tuning",
    "prefix_tuning",
    "p_tuning",
    "full",
)
METHODS = (*SFT, "dpo", "kto", "simpo", "cpo", "orpo")


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("student")
    return training_models.save_student(folder, hidden_size=64, intermediate_size=64)


def run(study: Study, name: str) -> dict:
    """Train one arm here, commit it, return its `run.json`."""
    subject = study.subject(name)
    job = make_job(study, subject)
    train(job, lambda event, **fields: None, lambda: False)
    result: dict = json.loads((job.folder / "run.json").read_text())
    study.store.commit(study.trained(subject), {}, 0.0)
    return result


@pytest.fixture(scope="module")
def trained(student: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, dict]:
    arms: list[dict] = [{"name": name, "method": name, **FAST} for name in METHODS]
    arms[METHODS.index("dpo")]["start_from"] = "lora"
    study = training_models.study(tmp_path_factory.mktemp("ws"), student, arms, rows=18)
    return study, {name: run(study, name) for name in METHODS}


@pytest.mark.parametrize("method", METHODS)
def test_what_an_arm_ships_loads_as_it_is_and_answers(trained: tuple, method: str) -> None:
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoModelForCausalLM, AutoTokenizer

    study, _ = trained
    folder = study.root / "models" / method / "final"
    kind = AutoModelForCausalLM if method == "full" else AutoPeftModelForCausalLM
    model, tokenizer = kind.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Add 1 and 1."}],
        add_generation_prompt=True, return_dict=True, return_tensors="pt",
    )  # fmt: skip
    answer = model.generate(**inputs, max_new_tokens=3, do_sample=False)
    assert answer.shape[1] > inputs["input_ids"].shape[1]
    assert not [path for path in folder.rglob("*") if path.suffix in (".bin", ".pt", ".pth")]
    assert f"`{method}`" in (folder / "README.md").read_text()


@pytest.mark.parametrize("method", METHODS)
def test_every_arm_learns_and_tells_what_it_cost(trained: tuple, method: str) -> None:
    one = trained[1][method]
    first, last = one["evaluations"][0], one["evaluations"][-1]
    steps = 4 if method == "kto" else 2  # every pair gives two responses
    assert (first["step"], last["step"], one["steps"]) == (0, steps, steps)
    assert last["loss"] < first["loss"]
    assert ("accuracy" in first) == (method in ("simpo", "cpo", "orpo"))
    assert ("kl" in last) == (method in ("dpo", "kto"))
    if "kl" in last:
        assert first["kl"] == 0 < last["kl"]
    assert one["train_seconds"] > 0
    assert set(one["peak_memory_bytes"]) >= {"load", "train", "evaluate"}


def test_trained_and_shipped_parameters_differ_where_they_should(trained: tuple) -> None:
    runs = trained[1]
    linear = 2 * (64 * 64 + 2 * 64 * 32 + 64 * 64 + 3 * 64 * 64)  # two layers, all linear layers
    base = linear + 261 * 64 + 5 * 64  # tied embeddings once, five norms
    lora = 2 * 8 * (2 * (64 + 64) + 2 * (64 + 32) + 3 * (64 + 64))
    assert runs["lora"]["trained_parameters"] == runs["lora"]["shipped_parameters"] == lora
    assert runs["lora"]["total_parameters"] == base + lora
    assert runs["prompt_tuning"]["shipped_parameters"] == 20 * 64
    assert runs["p_tuning"]["trained_parameters"] > runs["p_tuning"]["shipped_parameters"]
    assert runs["p_tuning"]["shipped_parameters"] == 20 * 64
    assert runs["full"]["trained_parameters"] == runs["full"]["total_parameters"] == base


@pytest.mark.parametrize("quantization", ["nf4", "int8"])
@pytest.mark.parametrize("method", ["lora", "prompt_tuning", "ia3"])
def test_a_quantised_base_passes_gradients_on_after_an_evaluation(
    student: Path, tmp_path: Path, method: str, quantization: str
) -> None:
    """bitsandbytes repacks CPU weights in evaluation mode and would cut the gradient silently."""
    study = training_models.study(
        tmp_path, student, [{"name": "arm", "method": method, **FAST}], 18, quantization
    )
    one = run(study, "arm")
    assert one["evaluations"][-1]["loss"] < one["evaluations"][0]["loss"]
    linear = 2 * (64 * 64 + 2 * 64 * 32 + 64 * 64 + 3 * 64 * 64)
    base = linear + 261 * 64 + 5 * 64
    assert one["total_parameters"] == base + one["trained_parameters"]


def job_of(student: Path, root: Path, **settings: object) -> Job:
    arms = [{"name": "arm", "method": "lora", **FAST, **settings}]
    study = training_models.study(root, student, arms, rows=18, checkpoint_steps=1)
    return make_job(study, study.subject("arm"))


def quietly(job: Job) -> dict:
    train(job, lambda event, **fields: None, lambda: False)
    result: dict = json.loads((job.folder / "run.json").read_text())
    return result


def test_out_of_memory_halves_the_micro_batch_and_ends_alike(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    whole = quietly(job_of(student, tmp_path / "whole", dropout=0.0))
    plain = Supervised.loss

    held = []

    def small_memory(self, trainer, model, batch, weight, total):
        if len(batch["input_ids"]) > 2:
            activations = torch.zeros(9)
            held.append(weakref.ref(activations))
            raise torch.cuda.OutOfMemoryError("too much")
        return plain(self, trainer, model, batch, weight, total)

    def given_back() -> None:
        assert [one() for one in held] == [None] * len(held), "the failed step still holds memory"
        plainly()

    plainly = loop.free_memory
    monkeypatch.setattr(loop, "free_memory", given_back)
    monkeypatch.setattr(Supervised, "loss", small_memory)
    halved = quietly(job_of(student, tmp_path / "halved", dropout=0.0))
    assert whole["conditions"]["micro_batch_size"] == 8
    assert halved["conditions"]["micro_batch_size"] == 2
    assert len(held) == 2
    losses = [[point["loss"] for point in one["curve"]] for one in (whole, halved)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_one_row_that_does_not_fit_is_said(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Supervised, "loss", no_memory)
    with pytest.raises(StageError, match=r"one row of up to \d+ tokens does not fit.*max_length"):
        quietly(job_of(student, tmp_path))


def test_a_loss_that_is_not_a_number_ends_the_run_and_keeps_the_checkpoint(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Supervised.loss
    calls = []

    def breaks(self, trainer, model, batch, weight, total):
        calls.append(1)
        loss, figures = plain(self, trainer, model, batch, weight, total)
        return (loss * float("nan") if len(calls) == 2 else loss), figures

    monkeypatch.setattr(Supervised, "loss", breaks)
    job = job_of(student, tmp_path)
    with pytest.raises(StageError, match=r"loss nan .* at step 2 of 2.*learning_rate \(now 0.01\)"):
        quietly(job)
    held = checkpoint.newest(job.checkpoints)
    assert held is not None
    assert held.state["step"] == 1


def test_a_full_disk_is_said_and_the_run_goes_on_later(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = job_of(student, tmp_path)
    plain = checkpoint.write_json
    calls = []

    def full(path, value):
        calls.append(path)
        if len(calls) == 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(path, value)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_json", full)
        with pytest.raises(OSError, match="No space left") as caught:
            quietly(job)
    assert "free some space" in str(disk.explain(caught.value, tmp_path))
    assert quietly(job)["resumed"] == 1


def test_the_sign_of_completion_comes_after_all_it_stands_for_is_on_the_disk(
    student: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that goes loses what was not flushed; a sign without its adapter would be used."""
    job = job_of(student, tmp_path)
    flushed, plain = set(), result.write_json

    def write(path: Path, value: object) -> None:
        if path.name == result.RUN:
            assert {one.name for one in flushed} > set(os.listdir(job.folder / "final"))
        plain(path, value)

    monkeypatch.setattr(result, "sync", flushed.add)
    monkeypatch.setattr(result, "write_json", write)
    quietly(job)
    assert len(flushed) > 3
