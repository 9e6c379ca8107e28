"""The precision of a T4 as far as a CPU can show it: a float16 base, autocast, a loss scaler."""

from pathlib import Path

import pytest
from support import training_models

from synthetic_instruction_tuner.models import loading
from synthetic_instruction_tuner.training import build
from synthetic_instruction_tuner.training.build import Precision
from synthetic_instruction_tuner.training.run import make_job
from synthetic_instruction_tuner.training.session import train

SCALE = 2.0**14


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("student")
    return training_models.save_student(folder, hidden_size=64, intermediate_size=64)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list:
    """Hold bases in float16, train under its autocast, and collect every tensor's type."""
    import torch

    plain, types = build.build_trainer, []

    def as_on_a_t4(*arguments):
        trainer = plain(*arguments)
        trainer.accelerator.scaler = torch.amp.GradScaler("cpu", SCALE)
        forward = trainer.model.forward

        def under_autocast(*given, **named):
            with torch.autocast("cpu", torch.float16):
                return forward(*given, **named)

        trainer.model.forward = under_autocast
        types.extend((one.dtype, one.requires_grad) for one in trainer.model.parameters())
        types.extend((one.dtype, False) for one in trainer.model.buffers())
        return trainer

    monkeypatch.setattr(loading, "compute_dtype", lambda *_: torch.float16)
    monkeypatch.setattr(build, "precision", lambda *_: Precision("float16"))
    monkeypatch.setattr(Precision, "arguments", {"bf16": False, "fp16": False})
    monkeypatch.setattr(build, "build_trainer", as_on_a_t4)
    return types


@pytest.mark.parametrize(
    ("method", "quantization"),
    [
        ("lora", "nf4"),
        ("prompt_tuning", "nf4"),
        ("dpo", "nf4"),
        ("dora", "none"),
        ("ia3", "nf4"),
        ("prefix_tuning", "none"),
        ("kto", "none"),
    ],
)
def test_no_bfloat16_anywhere_and_what_is_trained_is_float32(
    student: Path, tmp_path: Path, seen: list, method: str, quantization: str
) -> None:
    import torch

    arm = {"name": "arm", "method": method, "batch_size": 8, "epochs": 1, "learning_rate": 1e-2}
    study = training_models.study(tmp_path, student, [arm], 18, quantization)
    told: list[float] = []

    def emit(event: str, **fields) -> None:
        if event == "evaluation":
            told.append(fields["loss"])

    train(make_job(study, study.subject("arm")), emit, lambda: False)
    assert told[-1] < told[0]
    assert {dtype for dtype, trained in seen if trained} == {torch.float32}
    assert torch.float16 in {dtype for dtype, _ in seen}
    assert torch.bfloat16 not in {dtype for dtype, _ in seen}
