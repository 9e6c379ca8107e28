"""DPO from every kind of start: its reference is where it began, resumed without a cache, too."""

import json
import math
import shutil
from pathlib import Path

import pytest
from support import training_models

from synthetic_instruction_tuner.training.run import make_job
from synthetic_instruction_tuner.training.session import train
from synthetic_instruction_tuner.training.state import Interrupted

FAST = {"batch_size": 6, "epochs": 1, "learning_rate": 3e-2}


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("student")
    return training_models.save_student(folder, hidden_size=64, intermediate_size=64)


@pytest.mark.parametrize(
    ("method", "quantization"),
    [
        ("prompt_tuning", "none"),
        ("prompt_tuning", "nf4"),
        ("vera", "nf4"),
        ("dora", "nf4"),
        ("ia3", "int8"),
        ("full", "none"),
    ],
)
def test_the_reference_is_the_start(
    student: Path, tmp_path: Path, method: str, quantization: str
) -> None:
    arms = [
        {"name": "start", "method": method, **FAST},
        {"name": "arm", "method": "dpo", "start_from": "start", **FAST},
    ]
    study = training_models.study(tmp_path, student, arms, 18, quantization, checkpoint_steps=1)
    train(make_job(study, study.subject("start")), lambda event, **_: None, lambda: False)
    study.store.commit(study.trained(study.subject("start")), {}, 0.0)
    job = make_job(study, study.subject("arm"))
    steps = []

    def emit(event: str, **_: object) -> None:
        steps.extend([event] if event == "step" else [])

    with pytest.raises(Interrupted):
        train(job, emit, lambda: len(steps) >= 2)
    (cached,) = job.cache.glob("*.json")
    first = json.loads(cached.read_text())
    shutil.rmtree(job.cache)
    train(job, emit, lambda: False)
    (cached,) = job.cache.glob("*.json")
    again = json.loads(cached.read_text())
    assert {row: pytest.approx(values) for row, values in first.items()} == again
    run = json.loads((job.folder / "run.json").read_text())
    assert run["resumed"] == 1
    assert run["curve"][0]["loss"] == pytest.approx(math.log(2), rel=1e-3)
    assert run["evaluations"][-1]["loss"] < run["evaluations"][0]["loss"]
