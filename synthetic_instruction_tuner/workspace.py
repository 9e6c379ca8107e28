"""The workspace of a study: one study each, one live writer at a time.

A Colab session has only the workspace (on Drive); whatever must survive lies in it. The lease is a
file because a shared drive has no locks worth the name: it is created exclusively, renewed while
the writer lives, and taken over when its owner is dead (same machine) or its time is up.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.errors import WorkspaceError
from synthetic_instruction_tuner.files import write_json
from synthetic_instruction_tuner.study import Study

logger = logging.getLogger(__name__)

STUDY_FILE = "study.json"
LEASE_FILE = ".lease.json"
LEASE_SECONDS = 120.0
RENEW_SECONDS = 20.0

_held: set[Path] = set()


def default_root(config: StudyConfig) -> Path:
    """Return where a study lives if nothing else is said: ./workspace/<name>.

    A worker starts its runs in other folders than a person would, and on Colab everything belongs
    on Drive: TUNER_WORKSPACES names another parent folder for all studies.
    """
    return Path(os.environ.get("TUNER_WORKSPACES") or "workspace") / config.name


def open_study(config: StudyConfig, root: Path) -> Study:
    """Bind settings to a workspace, made if need be.

    Raises:
        ConfigurationError: If a model folder, source file or data folder is not there.
        WorkspaceError: If the folder cannot be written, or holds another study or other files.
    """
    root = root.expanduser().resolve()
    known = read_study_file(root)
    if known is None:
        _refuse_foreign_folder(root)
    elif known.get("name") != config.name:
        raise WorkspaceError(
            f"workspace {root} belongs to study {known.get('name')!r}, not {config.name!r}; "
            "choose another --workspace, or set name to match"
        )
    study = Study(config, root)
    for artifact in study.artifacts():
        _ = artifact.identity  # a missing model or data folder is named before anything is made
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkspaceError(f"cannot make workspace {root}: {error.strerror}") from error
    if known is None:
        remember(study)
    return study


def remember(study: Study) -> None:
    """Keep the study's name and settings in its workspace, for `tuner status` and the next run."""
    settings = study.config.model_dump(mode="json")
    write_json(study.root / STUDY_FILE, {"name": study.config.name, "config": settings})


def read_study_file(root: Path) -> dict[str, Any] | None:
    """Read which study a workspace holds and its settings at the last run; None if it holds none.

    Raises:
        WorkspaceError: If the file is there but cannot be read.
    """
    path = root / STUDY_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise WorkspaceError(f"{path} cannot be read ({error}); move it away to go on") from error
    if not isinstance(content, dict) or "name" not in content:
        raise WorkspaceError(f"{path} does not name a study; move it away to go on")
    return content


def _refuse_foreign_folder(root: Path) -> None:
    """Refuse a folder with files that no study wrote, before anything is written to it."""
    if root.exists() and not root.is_dir():
        raise WorkspaceError(f"workspace {root} is a file; name a folder")
    if root.is_dir() and any(root.iterdir()):
        raise WorkspaceError(f"workspace {root} holds files but no study; name an empty folder")


@contextmanager
def lease(root: Path, wait_seconds: float = 0.0) -> Iterator[None]:
    """Hold the workspace as its only writer; within a process that holds it already, do nothing.

    Args:
        root: The workspace.
        wait_seconds: How long to wait for another live writer.

    Raises:
        WorkspaceError: If another live process holds it; says who.
    """
    if root in _held:
        yield
        return
    token = uuid.uuid4().hex
    deadline = time.monotonic() + wait_seconds
    while (holder := _try_acquire(root, token)) is not None:
        if time.monotonic() >= deadline:
            raise WorkspaceError(
                f"workspace {root} is in use by process {holder.get('pid')} on "
                f"{holder.get('host')}; stop it, or wait: its lease ends by itself at most "
                f"{LEASE_SECONDS:.0f} s after it died"
            )
        time.sleep(min(2.0, max(0.1, deadline - time.monotonic())))
    stopped = threading.Event()
    renewal = threading.Thread(target=_keep_renewing, args=(root, token, stopped), daemon=True)
    renewal.start()
    _held.add(root)
    try:
        yield
    finally:
        _held.discard(root)
        stopped.set()
        renewal.join()
        _release(root, token)


def _machine() -> str:
    """Identify this boot of this machine, so that a dead process of it can be told from another."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{platform.node()}/{boot.read_text().strip() if boot.exists() else ''}"


def _claim(token: str) -> dict[str, Any]:
    return {
        "token": token,
        "pid": os.getpid(),
        "host": platform.node(),
        "machine": _machine(),
        "until": time.time() + LEASE_SECONDS,
    }


def _try_acquire(root: Path, token: str) -> dict[str, Any] | None:
    """Take the lease; return None on success, else who holds it."""
    path = root / LEASE_FILE
    try:
        with path.open("x", encoding="utf-8") as file:
            json.dump(_claim(token), file)
        return None
    except FileExistsError:
        holder = _read_claim(path)
    except OSError as error:
        raise WorkspaceError(f"cannot write to workspace {root}: {error.strerror}") from error
    if not _is_dead(holder):
        return holder
    logger.warning("taking over the workspace from process %s, which is gone", holder.get("pid"))
    try:
        os.replace(path, path.with_name(f"{LEASE_FILE}.{token}"))  # only one taker succeeds
        path.with_name(f"{LEASE_FILE}.{token}").unlink()
    except FileNotFoundError:
        return holder
    return _try_acquire(root, token)


def _read_claim(path: Path) -> dict[str, Any]:
    """Read a claim; one that is torn counts from the time it was written."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return content
    except (OSError, ValueError):
        pass
    try:
        return {"until": path.stat().st_mtime + LEASE_SECONDS}
    except FileNotFoundError:
        return {"until": 0.0}


def _is_dead(claim: dict[str, Any]) -> bool:
    if claim.get("machine") == _machine():
        return not _alive(int(claim["pid"]))
    return float(claim.get("until", 0.0)) < time.time()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    status = Path(f"/proc/{pid}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


def _keep_renewing(root: Path, token: str, stopped: threading.Event) -> None:
    while not stopped.wait(RENEW_SECONDS):
        if _read_claim(root / LEASE_FILE).get("token") != token:
            logger.error("the lease on %s was taken over by another session", root)
            return
        write_json(root / LEASE_FILE, _claim(token))


def _release(root: Path, token: str) -> None:
    path = root / LEASE_FILE
    if _read_claim(path).get("token") == token:
        path.unlink(missing_ok=True)
