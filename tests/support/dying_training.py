"""Train in a process of its own that kills itself where it is told to.

python -m support.dying_training JOB [--before STEP | --after STEP | --in-write CALL]
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from support import forking

if TYPE_CHECKING:
    from collections.abc import Callable

    from synthetic_instruction_tuner.training.job import Job

KILLED = -signal.SIGKILL


def begin(job: Job, environment: dict[str, str] | None = None, **kill: int) -> subprocess.Popen:
    """Start training a job; `before` or `after` a step, or `in_write` at a call, it dies."""
    file = job.folder / "job-of-this-test.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(job.model_dump_json())
    options = [f"--{name.replace('_', '-')}={at}" for name, at in kill.items()]
    path = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.getenv("PYTHONPATH")]))
    return forking.Popen(
        [sys.executable, "-m", "support.dying_training", str(file), *options],
        env=os.environ | {"PYTHONPATH": path} | (environment or {}),
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen) -> int:
    """Return how a training ended: zero or `KILLED`; anything else fails with what it said."""
    said = process.communicate(timeout=120)[1]
    assert process.returncode in (0, KILLED), said
    return process.returncode


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _main() -> None:
    from synthetic_instruction_tuner.training.checkpoints import checkpoint
    from synthetic_instruction_tuner.training.job import Job
    from synthetic_instruction_tuner.training.loop import Loop
    from synthetic_instruction_tuner.training.session import train

    parser = argparse.ArgumentParser()
    parser.add_argument("job", type=Path)
    for name in ("--before", "--after", "--in-write"):
        parser.add_argument(name, type=int)
    told = parser.parse_args()
    update, calls = Loop._update, 0

    def updated(self: Loop) -> None:
        if self.state.step == told.before:
            _die()
        update(self)

    def emit(event: str, **fields: object) -> None:
        if event == "step" and fields["step"] == told.after:
            _die()

    def counted(action: Callable[..., None]) -> Callable[..., None]:
        def call(*arguments: object) -> None:
            nonlocal calls
            calls += 1
            if calls == told.in_write:
                _die()
            action(*arguments)

        return call

    Loop._update = updated  # type: ignore[method-assign]
    checkpoint.sync = counted(checkpoint.sync)
    checkpoint.write_json = counted(checkpoint.write_json)
    train(Job.model_validate_json(told.job.read_text()), emit, lambda: False)


if __name__ == "__main__":
    _main()
