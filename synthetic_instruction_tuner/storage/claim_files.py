"""What a claim file says; of what it may hold, only finite times and possible processes count."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypedDict, cast

from synthetic_instruction_tuner.errors import WorkspaceError
from synthetic_instruction_tuner.storage import plain, processes

SECONDS = 120.0
"""How long a claim outlives the machine of its holder."""
MOST_BYTES = 1 << 16
FAR = 1e15
"""Seconds: no time lies so far from 1970."""


class Claim(TypedDict, total=False):
    """What a claim file says.

    Attributes:
        token: What tells this holder from all others.
        pid: Its process on the machine.
        started: When that process started.
        host: Name of the machine for people.
        machine: See `processes.machine`.
        since: When it was taken, seconds since 1970.
        until: When it ends unless it is renewed, seconds since 1970.
        beside: Token of a holder that is slow and may finish, too.
    """

    token: str
    pid: int
    started: int
    host: str
    machine: str
    since: float
    until: float
    beside: str


def describe(holder: Claim) -> str:
    """Name the holder of a claim for people."""
    if "pid" not in holder:
        return "another process"
    return f"process {holder['pid']} on {holder.get('host')}"


def read_file(path: Path) -> Claim:
    """Read one file; what is torn counts from the time it was written.

    Raises:
        WorkspaceError: If a link, a folder or a pipe lies there, or the drive does not answer.
    """
    try:
        content = plain.read(path, MOST_BYTES)
        written = path.lstat().st_mtime
    except FileNotFoundError:
        return Claim(until=0.0)
    except OSError as error:
        raise WorkspaceError(f"cannot read {path}: {error.strerror}") from error
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return Claim(since=written, until=written + SECONDS)
    sound = {name: one for name, one in found.items() if name in SOUND and SOUND[name](one)}
    return Claim(since=written, until=written) | cast(Claim, sound)  # no time: watched from now on


def _is_token(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[\w.-]{1,64}", value) is not None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_time(value: object) -> bool:
    return type(value) in (int, float) and abs(cast(float, value)) < FAR  # NaN is not smaller


def _is_process(value: object) -> bool:
    return type(value) is int and 0 < value <= processes.LARGEST


def _is_count(value: object) -> bool:
    return type(value) is int


SOUND: Mapping[str, Callable[[object], bool]] = {
    "token": _is_token,
    "beside": _is_token,
    "host": _is_text,
    "machine": _is_text,
    "since": _is_time,
    "until": _is_time,
    "pid": _is_process,
    "started": _is_count,
}
"""What each field may hold; a field that holds something else is not there."""
