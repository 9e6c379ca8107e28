"""Adapters of every architecture on disk: attached again, and merged, they say what they said."""

from pathlib import Path
from typing import Any

import pytest
from support import architectures, training_models

from synthetic_instruction_tuner.methods.losses.rows import Row
from synthetic_instruction_tuner.models import loading
from synthetic_instruction_tuner.training import build, result
from synthetic_instruction_tuner.training.export import export
from synthetic_instruction_tuner.training.run import make_job
from synthetic_instruction_tuner.training.students import under_test


def logits(model: Any) -> Any:
    """Read a text that is longer than a window; returns (tokens, vocabulary)."""
    import torch

    with torch.inference_mode():
        return model(input_ids=torch.arange(20, 60)[None]).logits[0].float()


@pytest.mark.parametrize("name", architectures.CONFIGS)
def test_an_adapter_that_was_stored_says_the_same_attached_and_merged(
    tmp_path: Path, name: str
) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    student = tmp_path / "student"
    architectures.make(name).save_pretrained(student)
    training_models.save_tokenizer(student)
    arm = {"name": "lora", "method": "lora", "dropout": 0.0}
    study = training_models.study(tmp_path / "ws", student, [arm], rows=6)
    subject = study.subject("lora")
    job = make_job(study, subject)
    base = build.load_base(job, "cpu")
    bare = logits(base)
    trained = build.adapt(job, base, steps=4).eval()
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in trained.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    expected = logits(trained)
    assert float((expected - bare).abs().max()) > 0.1
    result.ship(trained, job, job.folder / result.RESULT)
    (job.folder / result.RESULT / "README.md").write_text("---\n---\n")
    study.store.commit(study.trained(subject), {}, 0.0)
    with under_test(study, subject) as attached:
        assert torch.allclose(logits(attached.wrapped), expected, atol=1e-4)
    with under_test(study, study.subject("base")) as without:
        assert torch.equal(logits(without.wrapped), bare)
    merged = export(study, subject, tmp_path / "merged", "merged")
    whole = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32).eval()
    assert torch.allclose(logits(whole), expected, atol=1e-3)


@pytest.mark.parametrize("name", architectures.CONFIGS)
def test_a_fully_trained_model_ships_the_settings_of_its_base(tmp_path: Path, name: str) -> None:
    from transformers import AutoConfig

    student = tmp_path / "student"
    architectures.make(name).save_pretrained(student)
    training_models.save_tokenizer(student)
    study = training_models.study(
        tmp_path / "ws", student, [{"name": "full", "method": "full"}], rows=6
    )
    job = make_job(study, study.subject("full"))
    objective = job.arm.objective()
    tokenizer = loading.load_tokenizer(job.training.student)
    row = Row("any", (5, 6, 7), ((8, 9, 4),))  # a trainer looks at its columns
    base = build.load_base(job, "cpu")
    trainer = build.build_trainer(job, base, tokenizer, row, objective, "cpu")
    result.ship(trainer.model, job, job.folder / result.RESULT)
    found, known = (
        AutoConfig.from_pretrained(one).to_dict() for one in (job.folder / result.RESULT, student)
    )
    tokens = {"pad_token_id", "bos_token_id", "eos_token_id"}  # those that training taught
    same = known.keys() - tokens - {"_name_or_path", "transformers_version"}
    assert {key: found[key] for key in same} == {key: known[key] for key in same}
