"""The training process: one arm from its job file to its adapter; speaks in JSON lines.

    python -m synthetic_instruction_tuner.training.worker JOB.json SHA256
    accelerate launch --num_processes N -m ...training.worker JOB.json SHA256

Events go to standard output, everything libraries print to standard error. When standard input
ends (the parent died) or SIGTERM arrives, the process writes a checkpoint and leaves.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.errors import StageError, TunerError, WorkspaceError
from synthetic_instruction_tuner.storage import claims, disk
from synthetic_instruction_tuner.storage.claim_files import describe as describe_holder
from synthetic_instruction_tuner.training import parallel
from synthetic_instruction_tuner.training.job import Job

INTERRUPTED = 143
"""Exit status after a checkpoint on request, as of a process ended by SIGTERM."""
FAILED = 1
LOST_PEER = ("by peer", "remote process exited")
"""What Gloo and NCCL say when a process that they talk to is gone."""


class Events:
    """Writes JSON lines to the real standard output; what else is printed goes to stderr."""

    def __init__(self, main: bool = True) -> None:
        self._out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
        os.dup2(2, 1)
        self._lock, self._main = threading.Lock(), main

    def __call__(self, event: str, **fields: Any) -> None:
        """Write one event; of several processes the main one speaks, and any that fails."""
        if not self._main and event != "error":
            return
        with self._lock:
            try:
                self._out.write(json.dumps({"event": event, **fields}) + "\n")
            except BrokenPipeError:
                os.kill(os.getpid(), signal.SIGTERM)


class Relay(logging.Handler):
    """Passes what libraries log on to the parent, whose log people watch."""

    LOGGERS = ("transformers", "trl", "peft", "datasets", "accelerate")

    def __init__(self, emit: Callable[..., None]) -> None:
        super().__init__()
        self._emit = emit
        for name in self.LOGGERS:
            logging.getLogger(name).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one line as an event."""
        self._emit("log", name=record.name, level=record.levelno, text=record.getMessage())


class StopRequest:
    """Set by SIGTERM, SIGINT, or the end of standard input."""

    def __init__(self) -> None:
        self._event = threading.Event()
        signal.signal(signal.SIGTERM, self._ask)
        signal.signal(signal.SIGINT, self._ask)
        threading.Thread(target=self._watch_parent, daemon=True).start()

    def __call__(self) -> bool:
        """Tell whether the process was asked to end."""
        return self._event.is_set()

    def wait(self) -> None:
        """Wait until the process is asked to end."""
        self._event.wait()

    def _ask(self, *_: Any) -> None:
        self._event.set()

    def _watch_parent(self) -> None:
        while os.read(0, 4096):
            pass
        self._event.set()


def quiet_environment() -> None:
    """Keep libraries from talking to the network on their own, and from drawing bars.

    Nothing here is compiled, but bitsandbytes loads PyTorch's compiler when it is imported (its
    backends/default/ops.py decorates with `torch.compile`): a quarter of the time to start.
    """
    for name, value in {
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
        "TQDM_DISABLE": "1",
        "TORCHDYNAMO_DISABLE": "1",
        "WANDB_DISABLED": "true",
    }.items():
        os.environ.setdefault(name, value)


def read_job(path: Path, expected: str) -> Job:
    """Read a job file that is as the parent wrote it.

    Raises:
        StageError: If it was changed.
    """
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != expected:
        raise StageError(f"{path} was changed after it was written; nothing in it is done")
    return Job.model_validate_json(content)


def stop_without(held: Mapping[Path, str]) -> None:
    """End this process as soon as one of the claims that it works under is another's.

    Its parent ends it, too, unless it was itself held up: a machine that slept, SIGSTOP.
    """

    def watch() -> None:
        while True:
            time.sleep(claims.RENEW_SECONDS)
            for path, token in held.items():
                with suppress(WorkspaceError):  # a drive that hiccups; what is written checks, too
                    holder = claims.taken_by(path, token)
                    if holder is not None:
                        print(f"{path} was taken by {describe_holder(holder)}", file=sys.stderr)
                        os._exit(INTERRUPTED)

    threading.Thread(target=watch, daemon=True).start()


def main(path: str, expected: str) -> int:
    """Train the arm of a job file with the expected sha256 and return the exit status."""
    if parallel.is_launched():
        parallel.end_with_parent()
    emit, stop = Events(os.environ.get("RANK", "0") == "0"), StopRequest()
    quiet_environment()
    Relay(emit)
    from synthetic_instruction_tuner.models.memory_errors import GroupOutOfMemory, is_out_of_memory
    from synthetic_instruction_tuner.training.session import train
    from synthetic_instruction_tuner.training.state import Interrupted

    try:
        with disk.named(Path(path).parent):
            job = read_job(Path(path), expected)
            claims.inherit(job.claims)
            stop_without(job.claims)
            train(job, emit, stop)
    except Interrupted:
        emit("interrupted")
        return INTERRUPTED
    except GroupOutOfMemory as error:
        emit("error", kind="memory", message=str(error), micro_batch_size=error.micro_batch_size)
        return FAILED
    except Exception as error:
        traceback.print_exc()
        kind = type(error).__name__ if isinstance(error, TunerError) else "StageError"
        text = str(error) if isinstance(error, TunerError) else describe(error, is_out_of_memory)
        emit("error", kind=kind, message=text)
        return FAILED
    emit("done")
    return 0


def describe(error: BaseException, is_out_of_memory: Any) -> str:
    """Say what an unexpected error means and what to do."""
    if is_out_of_memory(error):
        return (
            f"out of memory ({error}); lower training.max_length or training.micro_batch_size, or "
            "set training.gradient_checkpointing=true"
        )
    if parallel.is_launched() and any(sign in str(error) for sign in LOST_PEER):
        return f"another process of this arm died ({error})"
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
