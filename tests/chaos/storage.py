"""What becomes of files: torn by a death, rotten with time, and how two workspaces compare."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pickle
import random
from pathlib import Path
from typing import Any

from chaos.faults import FLUSHED

COMPARED = ("data", "models", "evaluation")
MEASURED = {
    "chain_seconds",
    "check",
    "cost",
    "created",
    "evaluation_seconds",
    "loss_tokens_per_second",
    "samples_per_hour",
    "files",
    "made_from",
    "measurements",
    "memory",
    "peak_memory_bytes",
    "provenance",
    "resumed",
    "seconds",
    "session_seconds",
    "tokens_per_second",
    "train_memory",
    "train_seconds",
}
"""Fields that hold times, memory, counts of sessions, and hashes of files that hold them."""
PARTS = "data/preference/chunks"
"""Parts of a whole that nothing reads again once the whole is there: not left to rot."""
MEASURED_FIGURES = ("memory", "pareto_chain_seconds", "pareto_train_memory")
MEASURED_GATE = ("memory", "seconds", "minutes", "time")


def tear(workspace: Path, since: int, home: Path, rng: random.Random) -> list[str]:
    """Cut files that were written but never flushed, as a machine that goes does.

    Args:
        workspace: The workspace.
        since: When the attempt began, in nanoseconds.
        home: The machine, with its note of what was flushed.
        rng: Decides which files, and where.
    """
    flushed: dict[int, int] = {}
    for line in (home / FLUSHED).read_text().splitlines():
        inode, moment = line.split()
        flushed[int(inode)] = max(flushed.get(int(inode), 0), int(moment))
    torn = []
    for path in _files(workspace):
        status = path.stat()
        if status.st_mtime_ns < since or flushed.get(status.st_ino, 0) >= status.st_mtime_ns:
            continue
        if status.st_size and rng.random() < 0.5:
            os.truncate(path, rng.randrange(status.st_size))
            torn.append(path.relative_to(workspace).as_posix())
    return torn


def rot(workspace: Path, rng: random.Random) -> str | None:
    """Damage one file of finished work; return how, or None if there is none."""
    folders = (*COMPARED, "reports", ".prefect-results")
    found = [path for name in folders for path in _files(workspace / name) if path.stat().st_size]
    files = [path for path in found if path.name not in PLANTED and PARTS not in str(path)]
    if not files:
        return None
    path = rng.choice(files)
    kind = rng.choice(("cut", "flipped", "emptied", "deleted", "swapped"))
    damage(path, kind, rng, rng.choice(files))
    return f"{kind} {path.relative_to(workspace).as_posix()}"


def damage(path: Path, kind: str, rng: random.Random, other: Path) -> None:
    """Damage a file."""
    content = bytearray(path.read_bytes())
    if kind == "cut":
        os.truncate(path, rng.randrange(len(content)))
    elif kind == "flipped":
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        path.write_bytes(content)
    elif kind == "emptied":
        os.truncate(path, 0)
    elif kind == "deleted":
        path.unlink()
    else:
        path.write_bytes(other.read_bytes())


PLANTED = (
    "pytorch_model.bin",
    "adapter_model.bin",
    "training_args.bin",
    "optimizer.pt",
    "scheduler.pt",
    "rng_state.pth",
    "planted.pkl",
)
"""Names under which libraries look for pickles."""


class Planted:
    """Makes a file when a pickle of it is read."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self):
        return (open, (self.mark, "w"))


def plant(workspace: Path, mark: Path) -> None:
    """Put pickles that leave a mark where a run or Prefect might read one."""
    payload = pickle.dumps(Planted(str(mark)))
    for top in ("models", ".unfinished", ".cache", ".prefect-results"):
        for folder in [workspace / top, *(workspace / top).rglob("*")]:
            if folder.is_dir():
                for name in PLANTED:
                    (folder / name).write_bytes(payload)
    text = base64.encodebytes(payload).decode()
    for record in (workspace / ".prefect-results").glob("*-*"):
        metadata = {"serializer": {"type": "pickle"}, "storage_key": record.name}
        record.write_text(json.dumps({"metadata": metadata, "result": text}))


def unplant(workspace: Path) -> None:
    """Take what was planted away again."""
    for path in _files(workspace):
        if path.name in PLANTED:
            path.unlink()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def differences(one: Path, other: Path) -> list[str]:
    """Name every file that two workspaces do not have alike, times aside."""
    left, right = content(one), content(other)
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def content(workspace: Path) -> dict[str, str]:
    """Hash every file of data, models and evaluation; of JSON, all but what was measured."""
    found = {}
    for folder in COMPARED:
        for path in _files(workspace / folder):
            if path.stem in MEASURED_FIGURES or path.parent.name == "tables":
                continue  # tables say what JSON files beside them say, times among it
            name = path.relative_to(workspace).as_posix()
            found[name] = hashlib.sha256(_essence(path)).hexdigest()
    return found


def _essence(path: Path) -> bytes:
    if path.suffix != ".json":
        return path.read_bytes()
    return json.dumps(_timeless(json.loads(path.read_bytes())), sort_keys=True).encode()


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        if "comparison" in value and any(word in str(value.get("name")) for word in MEASURED_GATE):
            return value["name"]
        return {key: _timeless(one) for key, one in value.items() if key not in MEASURED}
    return [_timeless(one) for one in value] if isinstance(value, list) else value
