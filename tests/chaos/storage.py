"""What becomes of files: torn by a death, rotten with time, and how two workspaces compare."""

from __future__ import annotations

import hashlib
import json
import os
import random
from pathlib import Path
from typing import Any

from chaos.faults import FLUSHED

COMPARED = ("data", "models", "evaluation")
MEASURED = {
    "chain_seconds",
    "cost",
    "created",
    "evaluation_seconds",
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
    "train_seconds",
}
"""Fields that hold times, memory, counts of sessions, and hashes of files that hold them."""
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
        flushed[int(inode)] = int(moment)
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
    files = [path for name in folders for path in _files(workspace / name) if path.stat().st_size]
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
            if path.stem in MEASURED_FIGURES:
                continue
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
