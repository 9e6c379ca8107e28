"""The training stage as flows call it: a process an arm, watched, ended, and started again."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import training_models

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.training import launch
from synthetic_instruction_tuner.training.checkpoints import checkpoint
from synthetic_instruction_tuner.training.run import make_job, train


class At:
    """Does something once when a step is reported."""

    def __init__(self, step: int, action) -> None:
        self.step, self.action, self.notes = step, action, []

    def update(self, done: int, total: int, note: str = "") -> None:
        self.notes.append((done, total, note))
        if done == self.step:
            self.action()


def test_a_killed_process_and_an_interrupted_flow_go_on_to_the_same_arm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student = training_models.save_student(tmp_path / "student")
    arms = [{"name": "sft", "method": "lora", "batch_size": 4}]
    study = training_models.study(tmp_path / "ws", student, arms, checkpoint_steps=2)
    subject = study.subject("sft")
    children = []
    plain = subprocess.Popen

    def remember(*arguments, **options):
        children.append(plain(*arguments, **options))
        return children[-1]

    monkeypatch.setattr(launch.subprocess, "Popen", remember)
    killed = At(5, lambda: os.kill(children[-1].pid, signal.SIGKILL))
    with pytest.raises(StageError, match=r"arm 'sft' was killed \(SIGKILL\).*checkpoints are kept"):
        train(study, subject, killed)

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(study, subject, At(12, interrupt))
    assert children[-1].returncode == 143
    held = checkpoint.newest(make_job(study, subject).checkpoints)
    assert held is not None
    assert held.state["step"] >= 12
    watcher = At(-1, None)
    manifest = train(study, subject, watcher)
    assert manifest.facts["resumed"] == 2
    assert watcher.notes[-1][:2] == (24, 24)
    assert watcher.notes[-1][2].startswith("loss ")
    assert set(manifest.files) >= {"run.json", "final/adapter_model.safetensors"}
    assert not any(name.startswith("work/") for name in manifest.files)
    assert train(study, subject, watcher).created == manifest.created
    assert len(children) == 3


def test_a_process_ends_when_its_parent_is_gone() -> None:
    """The end of standard input is the sign; a SIGKILL of the parent gives no other."""
    waits = (
        "from synthetic_instruction_tuner.training.worker import StopRequest\n"
        "stop = StopRequest()\nprint('ready', flush=True)\nstop.wait()\nprint('asked')\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", waits], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline() == b"ready\n"
    child.stdin.close()
    assert child.stdout.read() == b"asked\n"
    assert child.wait(30) == 0
