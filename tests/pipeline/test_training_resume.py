"""A run that was killed, wherever it was killed, ends like one that was not: bit by bit."""

import hashlib
import json
import random
import shutil
from pathlib import Path

import pytest
from support import dying_training, training_models

from synthetic_instruction_tuner.training.job import Job
from synthetic_instruction_tuner.training.run import make_job

ARMS = {
    "sft": {"method": "lora", "batch_size": 4, "epochs": 3, "learning_rate": 1e-2},
    "prompt": {"method": "prompt_tuning", "batch_size": 4, "epochs": 2, "learning_rate": 1e-2},
    "adalora": {
        "method": "peft",
        "peft_type": "adalora",
        "options": {"init_r": 6, "target_r": 3, "tinit": 2, "tfinal": 4},
        "batch_size": 4,
        "epochs": 2,
        "learning_rate": 1e-2,
    },
    "dpo": {"method": "dpo", "start_from": "sft", "batch_size": 4, "epochs": 2},
}
STEPS = {"sft": 24, "prompt": 16, "adalora": 16, "dpo": 16}


def train(job: Job, **kill: int) -> int:
    return dying_training.end(dying_training.begin(job, **kill))


def outcome(job: Job) -> tuple[dict[str, str], list, list]:
    """Return the hashes of what is shipped, the loss curve and the evaluations."""
    files = sorted((job.folder / "final").rglob("*"))
    run = json.loads((job.folder / "run.json").read_text())
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return hashes, run["curve"], run["evaluations"]


@pytest.fixture(scope="module")
def undisturbed(
    forks: None, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Job, tuple]]:
    """Every arm trained once without interruption."""
    root = tmp_path_factory.mktemp("undisturbed")
    student = training_models.save_student(root / "student")
    arms = [{"name": name, **settings} for name, settings in ARMS.items()]
    study = training_models.study(root / "ws", student, arms, checkpoint_steps=5)
    trained = {}
    for subject in study.subjects[1:]:
        job = make_job(study, subject)
        assert train(job) == 0
        trained[subject.name] = (job, outcome(job))
        kept = job.folder.with_name(f"kept-{subject.name}")
        shutil.copytree(job.folder, kept)
        shutil.rmtree(job.folder / "work")
        study.store.commit(study.trained(subject), {}, 0.0)
        trained[subject.name] = (job, outcome(job.model_copy(update={"folder": kept})))
    return trained


def resumed(job: Job, folder: Path, **kill: int) -> tuple:
    again = job.model_copy(update={"folder": folder, "cache": folder / "cache"})
    assert train(again, **kill) == dying_training.KILLED
    assert not (folder / "run.json").exists()
    assert train(again) == 0
    return outcome(again)


def check(undisturbed: dict, arm: str, folder: Path, **kill: int) -> None:
    job, expected = undisturbed[arm]
    found = resumed(job, folder, **kill)
    assert found[1] == expected[1], "the loss curve differs"
    assert found[2] == expected[2], "the evaluations differ"
    assert found[0] == expected[0], "what is shipped differs"


@pytest.mark.parametrize(
    ("arm", "step"),
    [("sft", 3), ("sft", 22), ("prompt", 13), ("adalora", 9), ("adalora", 14), ("dpo", 14)],
)
def test_killed_at_a_step(undisturbed: dict, tmp_path: Path, arm: str, step: int) -> None:
    check(undisturbed, arm, tmp_path, after=step)


@pytest.mark.parametrize(("arm", "call"), [("sft", 9), ("dpo", 12)])
def test_killed_while_a_checkpoint_is_written(
    undisturbed: dict, tmp_path: Path, arm: str, call: int
) -> None:
    check(undisturbed, arm, tmp_path, in_write=call)


@pytest.mark.slow
@pytest.mark.parametrize("draw", range(20))
@pytest.mark.parametrize("arm", ARMS)
def test_killed_at_any_step(undisturbed: dict, tmp_path: Path, arm: str, draw: int) -> None:
    step = random.Random(f"{arm}-{draw}").randint(1, STEPS[arm] - 1)
    check(undisturbed, arm, tmp_path, after=step)


@pytest.mark.slow
@pytest.mark.parametrize("call", range(1, 21))
@pytest.mark.parametrize("arm", ARMS)
def test_killed_at_any_point_of_a_write(
    undisturbed: dict, tmp_path: Path, arm: str, call: int
) -> None:
    check(undisturbed, arm, tmp_path, in_write=call)


def test_a_damaged_checkpoint_is_passed_over(undisturbed: dict, tmp_path: Path) -> None:
    job, expected = undisturbed["sft"]
    again = job.model_copy(update={"folder": tmp_path})
    assert train(again, after=14) == dying_training.KILLED
    newest = sorted(again.checkpoints.glob("step-*"))[-1]
    assert newest.name == "step-0000010"
    weights = newest / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    assert train(again) == 0
    assert outcome(again) == expected
    assert list(again.checkpoints.glob("damaged-step-0000010-*"))
