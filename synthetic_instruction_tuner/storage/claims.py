"""Claims: files that say who is at work on something, and that end by themselves.

A shared drive has no locks worth the name. A claim is a file that is created exclusively, and only
ever moved away, never written over: whoever is late finds another's and leaves it alone. Its holder
tells that it lives in a second file, whose name nobody else writes. A claim is taken over when its
holder is dead (same machine) or its time is up. Clocks of machines differ and jump: where the times
do not fit, a claim is watched, and one that is still renewed is alive.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from synthetic_instruction_tuner.errors import WorkspaceError
from synthetic_instruction_tuner.storage import plain, processes
from synthetic_instruction_tuner.storage.claim_files import SECONDS, Claim, describe, read_file
from synthetic_instruction_tuner.storage.files import create, write_json
from synthetic_instruction_tuner.storage.processes import LEFT_SECONDS

logger = logging.getLogger(__name__)

RENEW_SECONDS = 20.0
WATCH_SECONDS = 45.0
"""How long a claim whose time cannot be trusted must stay unchanged: two renewals and more."""
CLOCK_SECONDS = 60.0
"""Difference between the clocks of two machines that is taken for granted."""
SILENT_SECONDS = 3600.0
"""Time without a renewal after which a process that is there is watched: it may be another's."""
FOLDER = ".claims"
"""Folder of a workspace with the claims on single pieces of work."""

_watched: dict[Path, tuple[float, float]] = {}
_held: dict[Path, str] = {}
"""The claim files that this process holds, with their tokens."""
_inherited: dict[Path, str] = {}
"""Those of the process that started this one."""


def take(path: Path, token: str) -> Claim | None:
    """Try to take a claim once.

    Args:
        path: The claim file.
        token: What tells this holder from all others.

    Returns:
        None if it was taken, else who holds it.

    Raises:
        WorkspaceError: If the folder cannot be written to, or something else lies there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _create(path, _claim(token))
        return None
    except FileExistsError:
        holder = read(path)
    except OSError as error:
        raise WorkspaceError(f"cannot write to {path.parent}: {error.strerror}") from error
    if not is_gone(path, holder):
        return holder
    return _take_over(path, token, holder)


def seize(path: Path, token: str) -> Claim | None:
    """Take a claim beside a holder that lives but is slow; None if that worked, else its holder."""
    old = read(path)
    return _replace(path, old, _claim(token) | Claim(beside=old.get("token", "")))


def _take_over(path: Path, token: str, dead: Claim) -> Claim | None:
    """Replace a dead claim; takers that come at once form a line behind a marker."""
    marker = path.with_name(f"{path.name}.taking")
    try:
        _create(marker, _claim(token))
    except FileExistsError:
        if is_gone(marker, found := read(marker)):  # of a taker that was killed
            _withdraw(marker, found)
        return dead
    try:
        logger.warning("taking over %s from %s, which is gone", path.stem, describe(dead))
        return _replace(path, dead, _claim(token))
    finally:
        _withdraw(marker, Claim(token=token))


def _replace(path: Path, old: Claim, new: Claim) -> Claim | None:
    """Put a claim in the place of a certain other one; None if that worked, else who holds it."""
    if not _withdraw(path, old):
        return read(path)
    _beat(path, old).unlink(missing_ok=True)
    with suppress(FileExistsError):
        _create(path, new)
        return None
    return read(path)


def _withdraw(path: Path, claim: Claim) -> bool:
    """Take a claim away if it is this one; another's that came between is put back."""
    token = claim.get("token")
    if not os.path.lexists(path) or read_file(path).get("token") != token:
        return False
    aside = path.with_name(f"{path.name}.{uuid.uuid4().hex}.{processes.process_name()}")
    try:
        os.rename(path, aside)
    except FileNotFoundError:
        return False
    try:
        if read_file(aside).get("token") == token:
            return True
        with suppress(FileExistsError):  # whoever created one meanwhile: its own holder notices
            create(path, plain.read(aside))
        return False
    finally:
        aside.unlink(missing_ok=True)


def _create(path: Path, claim: Claim) -> None:
    create(path, json.dumps(claim, indent=2).encode(), processes.process_name())


@contextmanager
def kept(
    path: Path, token: str, lost: Callable[[threading.Event], None] | None = None
) -> Iterator[None]:
    """Renew a claim that was taken, and release it at the end unless it was lost.

    Args:
        path: The claim file.
        token: Its holder.
        lost: Called, in another thread, once somebody else holds it; is given the end of this.
    """
    stopped = threading.Event()
    renewal = threading.Thread(target=_keep, args=(path, token, stopped, lost), daemon=True)
    _held[path] = token
    renewal.start()
    try:
        yield
    finally:
        stopped.set()
        renewal.join()
        _held.pop(path, None)
        _beat(path, _claim(token)).unlink(missing_ok=True)
        _withdraw(path, Claim(token=token))


def _keep(
    path: Path,
    token: str,
    stopped: threading.Event,
    lost: Callable[[threading.Event], None] | None,
) -> None:
    while not stopped.wait(RENEW_SECONDS):
        try:
            holder = renew(path, token)
        except (OSError, WorkspaceError) as error:  # a drive that hiccups; the next may succeed
            logger.warning("%s could not be renewed: %s", path.stem, error)
            continue
        if holder is not None:
            logger.warning("%s was taken over by %s", path.stem, describe(holder))
            if lost is not None:
                lost(stopped)
            return


def renew(path: Path, token: str) -> Claim | None:
    """Tell that the holder of a claim lives; return who holds it now if it is another.

    Only a file that carries the holder's name is written; the claim is made anew if it is gone.
    """
    own = _claim(token)
    write_json(_beat(path, own), {"token": token, "until": own["until"]})
    found = read(path)
    if found.get("token", token) != token:
        _beat(path, own).unlink(missing_ok=True)
        return found
    if not os.path.lexists(path):
        with suppress(FileExistsError):
            _create(path, own)
    return None


def _beat(path: Path, claim: Claim) -> Path:
    """Return the file in which the holder of a claim, and nobody else, tells that it lives."""
    name = processes.name_of(claim.get("machine", ""), claim.get("pid", 0))
    return path.with_name(f"{path.name}.{claim.get('token', '')}.{name}")


def held(place: Path) -> dict[Path, str]:
    """Return the claims that this process holds in the workspace of a file, with their tokens."""
    return {path: token for path, token in _held.items() if place.is_relative_to(_root(path))}


def _root(path: Path) -> Path:
    return path.parent.parent if path.parent.name == FOLDER else path.parent


def inherit(held_by_parent: Mapping[Path, str]) -> None:
    """Work under the claims of the process that started this one, which renews them."""
    _inherited.update(held_by_parent)


def check(place: Path) -> None:
    """Make sure, before something is committed, that the claims it is made under still stand.

    Args:
        place: What is written; the claims of this process in its workspace count.

    Raises:
        WorkspaceError: If somebody else has taken one over.
    """
    for path, token in held(place).items():
        renew(path, token)
        _refuse_if_lost(path, token)
    for path, token in _inherited.items():
        _refuse_if_lost(path, token)


def _refuse_if_lost(path: Path, token: str) -> None:
    if (holder := taken_by(path, token)) is not None:
        raise WorkspaceError(
            f"{path} was taken over by {describe(holder)} while this run was held up; nothing more "
            f"is written to {_root(path)}"
        )


def taken_by(path: Path, token: str) -> Claim | None:
    """Return who has taken a claim from its holder; not who works beside it because it is slow."""
    found = read(path)
    return None if token in (found.get("token", token), found.get("beside")) else found


def read(path: Path) -> Claim:
    """Read a claim, with its last renewal; one that is torn counts from the time it was written.

    Raises:
        WorkspaceError: If a link, a folder or a pipe lies there, or the drive does not answer.
    """
    claim = read_file(path)
    if claim.keys() >= {"token", "pid", "machine"}:
        with suppress(WorkspaceError):
            beat = read_file(_beat(path, claim))
            if beat.get("token") == claim["token"]:
                claim["until"] = beat["until"]
    return claim


def is_dead(claim: Claim) -> bool:
    """Whether the holder is gone: its process, if it ran here, else its time."""
    if _is_here(claim):
        return not processes.alive(claim["pid"], claim.get("started"))
    return claim["until"] < time.time()


def is_in_doubt(claim: Claim) -> bool:
    """Whether only a death or differing clocks explain the time of a claim."""
    left = claim["until"] - time.time()
    if left > SECONDS + CLOCK_SECONDS:
        return not (_is_here(claim) and is_dead(claim))
    if _is_here(claim):
        return left < -SILENT_SECONDS and not is_dead(claim)
    return -LEFT_SECONDS <= left < 0


def _is_here(claim: Claim) -> bool:
    return claim.get("machine") == processes.machine() and "pid" in claim


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


def _claim(token: str) -> Claim:
    claim = Claim(
        token=token,
        pid=os.getpid(),
        host=platform.node(),
        machine=processes.machine(),
        since=time.time(),
        until=time.time() + SECONDS,
    )
    started = processes.start_of(os.getpid())
    return claim if started is None else claim | Claim(started=started)
