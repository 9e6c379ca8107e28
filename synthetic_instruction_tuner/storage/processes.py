"""Processes of this machine and others: what a process number means, and whether it still lives."""

from __future__ import annotations

import os
import platform
import stat
import tempfile
import time
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path

from synthetic_instruction_tuner.storage import plain
from synthetic_instruction_tuner.storage.files import create, digest

LEFT_SECONDS = 86400.0
"""Time after which what another machine left is old whatever its clock says: wrong time zones make
clocks differ by hours."""
BOOT = Path("/proc/sys/kernel/random/boot_id")
LARGEST = 2**31 - 1
"""Largest process number of any system (`pid_t`)."""


def machine() -> str:
    """Identify where process numbers mean the same as here: host, boot, and container.

    Containers that share the network of their host share its name, too, but not its processes.
    Where the system does not number its boots, an id of this installation stands for it.
    """
    try:
        parts = [platform.node(), BOOT.read_text().strip()]
    except OSError:
        parts = [platform.node(), _installation()]
    with suppress(OSError):
        parts.append(os.readlink(Path("/proc/self/ns/pid")))
    return "/".join(parts)


@cache
def _installation() -> str:
    """Return an id that lies on this machine's own disk, or of this process if it cannot."""
    own, folder = uuid.uuid4().hex, private_folder()
    if folder is None:
        return own
    path = folder / "machine-id"
    with suppress(FileExistsError):
        create(path, own.encode())
    return plain.read(path, 64).decode()


def private_folder() -> Path | None:
    """Return a folder on this machine's own disk that no other user can enter; None if none is."""
    folder = Path(tempfile.gettempdir()) / f"tuner-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return folder if is_own and not found.st_mode & 0o077 else None


def process_name() -> str:
    """Name this process as a file name can: which machine, and which process of it."""
    return name_of(machine(), os.getpid())


def name_of(where: str, pid: int) -> str:
    """Name a process of a machine as a file name can."""
    return f"{digest(where)[:8]}-{pid}"


def is_left_behind(path: Path) -> bool:
    """Whether a file or folder whose name ends in ".<process name>" has lost its process.

    Of other machines nothing is known but the time: a day without a change is enough.
    """
    where, _, pid = path.name.rpartition(".")[2].partition("-")
    if where == digest(machine())[:8] and pid.isdecimal():
        return not alive(int(pid))
    return time.time() - path.lstat().st_mtime > LEFT_SECONDS


def alive(pid: int, started: int | None = None) -> bool:
    """Whether a process of this machine is there, no zombie, and the one that started then.

    A container that is started again counts its processes from one again.
    """
    if not 0 < pid <= LARGEST:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    is_zombie, since = _look_up(pid)
    return not is_zombie and (started is None or since is None or since == started)


def start_of(pid: int) -> int | None:
    """Return when a process started (a number that only tells starts apart); None if not known."""
    return _look_up(pid)[1]


def _look_up(pid: int) -> tuple[bool, int | None]:
    """Tell whether a process is a zombie, and its start: ticks since boot, or seconds since 1970.

    psutil derives the time on Linux from a boot time that moves with the clock.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return fields[0] == "Z", int(fields[19])
    except OSError:
        pass
    import psutil

    try:
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE, int(process.create_time())
    except psutil.Error:
        return False, None
