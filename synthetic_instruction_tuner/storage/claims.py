"""Claims: files that say who is at work on something, and that end by themselves.

A shared drive has no locks worth the name. A claim is a file that is created exclusively, renewed
while its holder lives, and taken over when the holder is dead (same machine) or its time is up.
Clocks of machines differ and jump: where the times do not fit, a claim is watched, and one that is
still renewed is alive whatever it says.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.errors import WorkspaceError
from synthetic_instruction_tuner.storage.files import digest, write_json

logger = logging.getLogger(__name__)

SECONDS = 120.0
"""How long a claim outlives the machine of its holder."""
RENEW_SECONDS = 20.0
WATCH_SECONDS = 45.0
"""How long a claim whose time cannot be trusted must stay unchanged: two renewals and more."""
CLOCK_SECONDS = 60.0
"""Difference between the clocks of two machines that is taken for granted."""
LEFT_SECONDS = 86400.0
"""Time after which what another machine left is old whatever its clock says: wrong time zones make
clocks differ by hours."""

_watched: dict[Path, tuple[float, float]] = {}

Claim = dict[str, Any]
"""What a claim file says: token, pid, host, machine, since and until (seconds since 1970)."""


def machine() -> str:
    """Identify where process numbers mean the same as here: host, boot, and container.

    Containers that share the network of their host share its name, too, but not its processes.
    """
    boot, processes = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    parts = [platform.node(), boot.read_text().strip() if boot.exists() else ""]
    with suppress(OSError):
        parts.append(os.readlink(processes))
    return "/".join(parts)


def process_name() -> str:
    """Name this process as a file name can: which machine, and which process of it."""
    return f"{digest(machine())[:8]}-{os.getpid()}"


def is_left_behind(path: Path) -> bool:
    """Whether a file or folder whose name ends in ".<process name>" has lost its process.

    Of other machines nothing is known but the time: a day without a change is enough.
    """
    where, _, pid = path.name.rpartition(".")[2].partition("-")
    if where == digest(machine())[:8] and pid.isdigit():
        return not alive(int(pid))
    return time.time() - path.lstat().st_mtime > LEFT_SECONDS


def describe(holder: Claim) -> str:
    """Name the holder of a claim for people."""
    if "pid" not in holder:
        return "another process"
    return f"process {holder['pid']} on {holder.get('host')}"


def take(path: Path, token: str) -> Claim | None:
    """Try to take a claim once.

    Args:
        path: The claim file.
        token: What tells this holder from all others.

    Returns:
        None if it was taken, else who holds it.

    Raises:
        WorkspaceError: If the folder cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _create(path, _claim(token, time.time()))
        return None
    except FileExistsError:
        holder = read(path)
    except OSError as error:
        raise WorkspaceError(f"cannot write to {path.parent}: {error.strerror}") from error
    if not is_gone(path, holder):
        return holder
    return _take_over(path, token, holder)


def _create(path: Path, claim: Claim) -> None:
    """Create a claim file whole, unless there is one: a link appears at once with its content.

    Raises:
        FileExistsError: If there is one.
    """
    whole = path.with_name(f"{path.name}.{claim['token']}.{process_name()}")
    write_json(whole, claim)
    try:
        os.link(whole, path)
    except FileExistsError:
        raise
    except OSError:  # Drive and others know no links
        with path.open("x", encoding="utf-8") as file:
            json.dump(claim, file)
    finally:
        whole.unlink()


def seize(path: Path, token: str) -> None:
    """Take a claim from a holder that lives; it notices at its next renewal."""
    write_json(path, _claim(token, time.time()))


def _take_over(path: Path, token: str, dead: Claim) -> Claim | None:
    """Replace a dead claim; of several takers only the one that holds the marker may.

    The claim's own file is never away, so nobody can create a new one meanwhile.
    """
    marker = path.with_name(f"{path.name}.taking")
    try:
        _create(marker, _claim(token, time.time()))
    except FileExistsError:
        if is_dead(read(marker)):
            marker.unlink(missing_ok=True)  # of a taker that was killed
        return dead
    try:
        found = read(path)
        if found.get("token") != dead.get("token"):
            return found  # another taker was faster
        logger.warning("taking over %s from %s, which is gone", path.stem, describe(dead))
        write_json(path, _claim(token, time.time()))
        return None
    finally:
        marker.unlink(missing_ok=True)


@contextmanager
def kept(path: Path, token: str, lost: Callable[[], None] | None = None) -> Iterator[None]:
    """Renew a claim that was taken, and release it at the end unless it was lost.

    Args:
        path: The claim file.
        token: Its holder.
        lost: Called, in another thread, once somebody else holds it.
    """
    since, stopped = time.time(), threading.Event()
    renewal = threading.Thread(target=_keep, args=(path, token, since, stopped, lost), daemon=True)
    renewal.start()
    try:
        yield
    finally:
        stopped.set()
        renewal.join()
        if belongs(path, token):
            path.unlink(missing_ok=True)


def _keep(
    path: Path,
    token: str,
    since: float,
    stopped: threading.Event,
    lost: Callable[[], None] | None,
) -> None:
    while not stopped.wait(RENEW_SECONDS):
        try:
            found = read(path)
            if found.get("token", token) == token:
                write_json(path, _claim(token, since))
                continue
        except (OSError, WorkspaceError) as error:  # a drive that hiccups; the next may succeed
            logger.warning("%s could not be renewed: %s", path.stem, error)
            continue
        logger.warning("%s was taken over by %s", path.stem, describe(found))
        if lost is not None:
            lost()
        return


def belongs(path: Path, token: str) -> bool:
    """Whether a claim is still this holder's."""
    return bool(read(path).get("token") == token)


def read(path: Path) -> Claim:
    """Read a claim; one that is torn counts from the time it was written."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(content, dict):
            return content
    except (OSError, ValueError, RecursionError):
        pass
    try:
        written = path.stat().st_mtime
        return {"since": written, "until": written + SECONDS}
    except FileNotFoundError:
        return {"until": 0.0}


def is_dead(claim: Claim) -> bool:
    """Whether the holder is gone: its process, if it ran here, else its time."""
    if claim.get("machine") == machine() and isinstance(claim.get("pid"), int):
        return not alive(claim["pid"], claim.get("started"))
    return _left(claim) < 0


def is_in_doubt(claim: Claim) -> bool:
    """Whether only a death or differing clocks explain the time of another machine's claim."""
    if claim.get("machine") == machine():
        return False
    left = _left(claim)
    return -LEFT_SECONDS <= left < 0 or left > SECONDS + CLOCK_SECONDS


def is_gone(path: Path, claim: Claim) -> bool:
    """Whether a claim may be taken over; one in doubt, if it stayed as it is under our eyes."""
    if not is_in_doubt(claim):
        _watched.pop(path, None)
        return is_dead(claim)
    until, first = _watched.get(path, (None, 0.0))
    if until != claim.get("until"):
        _watched[path] = claim.get("until", 0.0), time.monotonic()
        return False
    return time.monotonic() - first >= WATCH_SECONDS


def _left(claim: Claim) -> float:
    until = claim.get("until", 0.0)
    return (until if isinstance(until, (int, float)) else 0.0) - time.time()


def alive(pid: int, started: int | None = None) -> bool:
    """Whether a process of this machine is there, no zombie, and the one that started then.

    A container that is started again counts its processes from one again.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    state, since = _process(pid)
    return state != "Z" and (started is None or since is None or since == started)


def _process(pid: int) -> tuple[str, int | None]:
    """Read state and start (clock ticks since boot) of a process, where the system tells them."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return "", None
    return fields[0], int(fields[19])


def _claim(token: str, since: float) -> Claim:
    return {
        "token": token,
        "pid": os.getpid(),
        "started": _process(os.getpid())[1],
        "host": platform.node(),
        "machine": machine(),
        "since": since,
        "until": time.time() + SECONDS,
    }
