"""Machines for tests of fan-out: processes that are started and killed as a whole."""

import json
import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil


def kill_tree(pid):
    """End a process and all it started like a machine that goes: no signal handler runs."""
    with suppress(psutil.NoSuchProcess):
        top = psutil.Process(pid)
        for one in [top, *top.children(recursive=True)]:
            with suppress(ProcessLookupError):
                os.kill(one.pid, signal.SIGKILL)


def at_work(root):
    """Who makes what: process by the name of the claim, while the workspace has a leader."""
    found = {}
    for path in (root / ".claims").glob("*.json"):
        with suppress(OSError, ValueError):
            found[path.stem] = json.loads(path.read_text())["pid"]
    return found


def belongs_to(pid, machine):
    """Whether a process was started by a machine's process, or by one of its children."""
    with suppress(psutil.NoSuchProcess):
        return machine in {one.pid for one in psutil.Process(pid).parents()}
    return False


def samples(root):
    """The samples of a workspace, whatever the chunks are."""
    files = sorted(Path(root).glob("data/raw/chunks/*-*/samples.jsonl"))
    return b"".join(path.read_bytes() for path in files)
