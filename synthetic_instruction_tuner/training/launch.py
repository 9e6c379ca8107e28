"""Starting a training process, listening to it, and ending it when the parent ends.

Each arm has a process of its own: a crash or lack of memory takes down that arm alone, and its
memory is given back whole.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner import errors
from synthetic_instruction_tuner.errors import StageError, TunerError
from synthetic_instruction_tuner.storage import claims, plain
from synthetic_instruction_tuner.storage.files import write_bytes
from synthetic_instruction_tuner.study.ending import ended_with_lease
from synthetic_instruction_tuner.training.job import Job

logger = logging.getLogger(__name__)

WORKER = "synthetic_instruction_tuner.training.worker"
GRACE_SECONDS = 60.0
"""How long a process may take for its last checkpoint before it is killed."""


def command(job_file: Path, content: bytes, processes: int) -> list[str]:
    """Return the command line of a training process, or of `accelerate launch` for several.

    The process is told what the job file, which lies in the workspace, holds: it names the model
    whose code may run. What accelerate would otherwise ask its own settings file for is said here.
    """
    worker = ["-m", WORKER, str(job_file), hashlib.sha256(content).hexdigest()]
    if processes == 1:
        return [sys.executable, *worker]
    options = {
        "num_processes": processes,
        "num_machines": 1,
        "main_process_port": 0,  # any free one
        "mixed_precision": "no",  # the worker chooses
        "dynamo_backend": "no",
    }
    launcher = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
    return launcher + [f"--{name}={value}" for name, value in options.items()] + worker


def run(job: Job) -> Generator[dict[str, Any], None, None]:
    """Train in a process of its own and yield its events as they come.

    Closing the iterator, or an exception in its consumer, ends the process with a checkpoint. One
    process that runs out of memory goes on with smaller forward passes itself; several are started
    again for that.

    Raises:
        TunerError: Says why the training failed; the class is the one raised in the process.
    """
    while True:
        failure = yield from _session(job)
        if failure is None:
            return
        rows = failure["micro_batch_size"]
        smaller = {"micro_batch_size": rows // 2}
        yield {"event": "notice", "text": f"out of memory: micro-batch {rows} -> {rows // 2}"}
        job = job.model_copy(update={"training": job.training.model_copy(update=smaller)})


def _session(job: Job) -> Generator[dict[str, Any], None, dict[str, Any] | None]:
    """Run the process or processes once; return the failure if they have to be started again."""
    job.work.mkdir(parents=True, exist_ok=True)
    plain.refuse_links_below(job.folder)
    job = job.model_copy(update={"claims": claims.held(job.folder)})
    job_file = job.work / "job.json"
    content = job.model_dump_json(indent=2).encode()
    write_bytes(job_file, content)
    log = job.work / "worker.log"
    with plain.open_to_append(log) as stderr:
        process = subprocess.Popen(
            command(job_file, content, job.training.processes),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=_environment(job),
            start_new_session=True,
        )
    failure: dict[str, Any] = {}
    try:
        with ended_with_lease(partial(_kill, process)):
            for event in _events(process):
                if event["event"] == "error":
                    failure = failure or event  # the first; others fail because of it
                else:
                    yield event
            process.wait()
    finally:
        _end(process)
    if failure.get("kind") == "memory":
        return failure
    if process.returncode != 0:
        raise _explain(job, process.returncode, failure, log)
    return None


def _environment(job: Job) -> dict[str, str]:
    threads = job.training.threads
    limits = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)} if threads else {}
    return os.environ | limits


def _events(process: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    assert process.stdout is not None
    for line in process.stdout:
        yield json.loads(line)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask for a last checkpoint, wait, then kill the process and all it started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            logger.warning("training process %d did not end in time, killing it", process.pid)
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    _kill(process)
    process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _explain(job: Job, status: int, failure: dict[str, Any], log: Path) -> TunerError:
    if failure:
        kind = getattr(errors, failure["kind"], StageError)
        message = failure["message"]
        return kind(message if job.subject in message else f"arm {job.subject!r}: {message}")
    tail = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
    if status == -signal.SIGKILL:
        reason = "was killed (SIGKILL), most likely because the machine ran out of memory"
    elif status < 0:
        reason = f"crashed with {signal.Signals(-status).name}"
    else:
        reason = f"ended with status {status}"
    return StageError(
        f"the training process of arm {job.subject!r} {reason}; checkpoints are kept and a rerun "
        f"goes on from the newest. Last lines of {log}: {' | '.join(tail)}"
    )
