"""The rules over many rows, on all cores: each row is judged by itself."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import Verdict, judge
from synthetic_instruction_tuner.settings import Settings

FEW = 20_000
"""Rows below which starting processes costs more than it saves."""
COMMANDS = ("tuner", "prefect", "pytest")
PART = 200
"""Rows a process is given at once: a tenth of a second of work, so that Ctrl-C is heard."""


def verdicts(rows: Sequence[Sample], settings: Settings) -> Generator[Verdict | None, None, None]:
    """Judge rows in order; the same as `judge` on each, whatever the machine.

    Who may stop before the end closes it: what is not judged by then is dropped.

    Args:
        rows: The rows.
        settings: One `Config` a rule (`config.filtering.rules`).
    """
    cores = _cores()
    if len(rows) < FEW or cores < 2 or not _may_start_processes():
        yield from (judge(row, settings) for row in rows)
        return
    parts = [rows[start : start + PART] for start in range(0, len(rows), PART)]
    pool = ProcessPoolExecutor(cores, get_context("spawn"), _heed_the_parent_alone)
    try:
        for found in pool.map(_judge_part, parts, [settings] * len(parts)):
            yield from found
    finally:
        pool.shutdown(cancel_futures=True)


def _cores() -> int:
    """Return the cores this process may use (a container's share, where that is told)."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _may_start_processes() -> bool:
    """Whether a new process, which imports the main module again, finds it harmless.

    That is known of `python -m` and of the commands that are installed; somebody's script without
    a guard would run a second time.
    """
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)  # of `-c` and notebooks there is none to import again
    return main.__spec__ is not None or file is None or Path(file).stem in COMMANDS


def _judge_part(rows: Sequence[Sample], settings: Settings) -> list[Verdict | None]:
    return [judge(row, settings) for row in rows]


def _heed_the_parent_alone() -> None:
    """Leave Ctrl-C, which reaches the whole group, to the process that started this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
