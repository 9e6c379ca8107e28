"""A run that was killed, wherever it was killed, ends like one that was not: bit by bit."""

import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from support import training_models

from synthetic_instruction_tuner.training.checkpoints import checkpoint
from synthetic_instruction_tuner.training.job import Job
from synthetic_instruction_tuner.training.run import make_job

ARMS = {
    "sft": {"method": "lora", "batch_size": 4, "epochs": 3, "learning_rate": 1e-2},
    "prompt": {"method": "prompt_tuning", "batch_size": 4, "epochs": 2, "learning_rate": 1e-2},
    "dpo": {"method": "dpo", "start_from": "sft", "batch_size": 4, "epochs": 2},
}
STEPS = {"sft": 24, "prompt": 16, "dpo": 16}


def train_in_child(job: Job, kill_at: int = -1, kill_in_write: int = -1) -> int:
    """Train in a forked process that kills itself at a step, or at a call during a write."""
    context = multiprocessing.get_context("fork")
    told, tell = context.Pipe(duplex=False)
    child = context.Process(target=_train_or_tell, args=(tell, job, kill_at, kill_in_write))
    child.start()
    tell.close()
    child.join(120)
    assert child.exitcode is not None
    assert child.exitcode <= 0, told.recv()
    return child.exitcode


def _train_or_tell(tell: Connection, job: Job, kill_at: int, kill_in_write: int) -> None:
    try:
        _train(job, kill_at, kill_in_write)
    except BaseException:
        tell.send(traceback.format_exc())
        raise


def _train(job: Job, kill_at: int, kill_in_write: int) -> None:
    from accelerate.state import AcceleratorState, PartialState

    from synthetic_instruction_tuner.training.session import train

    PartialState._reset_state()  # what an earlier test of this process left
    AcceleratorState._reset_state()

    def emit(event: str, **fields: object) -> None:
        if event == "step" and fields["step"] == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    calls = 0

    def counted(action: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: object) -> None:
            nonlocal calls
            calls += 1
            if calls == kill_in_write:
                os.kill(os.getpid(), signal.SIGKILL)
            action(*arguments)

        return call

    checkpoint.sync = counted(checkpoint.sync)
    checkpoint.write_json = counted(checkpoint.write_json)
    train(job, emit, lambda: False)


def outcome(job: Job) -> tuple[dict[str, str], list, list]:
    """Return the hashes of what is shipped, the loss curve and the evaluations."""
    files = sorted((job.folder / "final").rglob("*"))
    run = json.loads((job.folder / "run.json").read_text())
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    return hashes, run["curve"], run["evaluations"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Job, tuple]]:
    """Every arm trained once without interruption."""
    from peft import get_peft_model  # noqa: F401  imported here once, for all forked children
    from trl import DPOTrainer, SFTTrainer  # noqa: F401

    root = tmp_path_factory.mktemp("undisturbed")
    student = training_models.save_student(root / "student")
    arms = [{"name": name, **settings} for name, settings in ARMS.items()]
    study = training_models.study(root / "ws", student, arms, checkpoint_steps=5)
    trained = {}
    for subject in study.subjects[1:]:
        job = make_job(study, subject)
        assert train_in_child(job) == 0
        trained[subject.name] = (job, outcome(job))
        kept = job.folder.with_name(f"kept-{subject.name}")
        shutil.copytree(job.folder, kept)
        shutil.rmtree(job.folder / "work")
        study.store.commit(study.trained(subject), {}, 0.0)
        trained[subject.name] = (job, outcome(job.model_copy(update={"folder": kept})))
    return trained


def resumed(job: Job, folder: Path, **kill: int) -> tuple:
    again = job.model_copy(update={"folder": folder, "cache": folder / "cache"})
    assert train_in_child(again, **kill) == -signal.SIGKILL
    assert not (folder / "run.json").exists()
    assert train_in_child(again) == 0
    return outcome(again)


def check(undisturbed: dict, arm: str, folder: Path, **kill: int) -> None:
    job, expected = undisturbed[arm]
    found = resumed(job, folder, **kill)
    assert found[1] == expected[1], "the loss curve differs"
    assert found[2] == expected[2], "the evaluations differ"
    assert found[0] == expected[0], "what is shipped differs"


@pytest.mark.parametrize(("arm", "step"), [("sft", 3), ("sft", 22), ("prompt", 13), ("dpo", 14)])
def test_killed_at_a_step(undisturbed: dict, tmp_path: Path, arm: str, step: int) -> None:
    check(undisturbed, arm, tmp_path, kill_at=step)


@pytest.mark.parametrize(("arm", "call"), [("sft", 9), ("dpo", 12)])
def test_killed_while_a_checkpoint_is_written(
    undisturbed: dict, tmp_path: Path, arm: str, call: int
) -> None:
    check(undisturbed, arm, tmp_path, kill_in_write=call)


@pytest.mark.slow
@pytest.mark.parametrize("draw", range(20))
@pytest.mark.parametrize("arm", ARMS)
def test_killed_at_any_step(undisturbed: dict, tmp_path: Path, arm: str, draw: int) -> None:
    step = random.Random(f"{arm}-{draw}").randint(1, STEPS[arm] - 1)
    check(undisturbed, arm, tmp_path, kill_at=step)


@pytest.mark.slow
@pytest.mark.parametrize("call", range(1, 21))
@pytest.mark.parametrize("arm", ARMS)
def test_killed_at_any_point_of_a_write(
    undisturbed: dict, tmp_path: Path, arm: str, call: int
) -> None:
    check(undisturbed, arm, tmp_path, kill_in_write=call)


def test_a_damaged_checkpoint_is_passed_over(undisturbed: dict, tmp_path: Path) -> None:
    job, expected = undisturbed["sft"]
    again = job.model_copy(update={"folder": tmp_path})
    assert train_in_child(again, kill_at=14) == -signal.SIGKILL
    newest = sorted(again.checkpoints.glob("step-*"))[-1]
    assert newest.name == "step-0000010"
    weights = newest / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")
    assert train_in_child(again) == 0
    assert outcome(again) == expected
    assert list(again.checkpoints.glob("damaged-step-0000010-*"))
