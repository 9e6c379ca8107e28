"""Disks that are full, gone or broken: what is said about them, and what a retry can cure."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synthetic_instruction_tuner.errors import StorageError

AGAIN = "then run again: it goes on from what is done"
_MOUNT, _ALLOW = "mount the drive anew", "allow this user to read and write there"
_BY_NAME = {
    "free some space": ("ENOSPC",),
    "free some space, or raise the quota": ("EDQUOT",),
    "put the workspace on a file system that takes larger files": ("EFBIG",),
    "choose a workspace with a shorter path": ("ENAMETOOLONG",),
    "mount it for writing, or choose another workspace": ("EROFS",),
    f"{_ALLOW}, or choose another workspace": ("EACCES", "EPERM"),
    f"check the disk, or {_MOUNT}": ("EIO", "EREMOTEIO", "EUCLEAN", "EBADMSG", "ENOMEDIUM"),
    _MOUNT: ("ESTALE", "ENOTCONN", "ECONNABORTED", "ESHUTDOWN", "ENODEV", "ENXIO", "ENOLINK"),
    "check the connection to the drive": (
        *("ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENETRESET"),
    ),
    "raise the limit on open files (ulimit -n)": ("EMFILE",),
    "end other programs: the system has no more open files to give": ("ENFILE",),
    "move the folder away that lies where a file belongs": ("EISDIR",),
    "move the file away that lies where a folder belongs": ("ENOTDIR",),
    "end whatever else writes or is used there": ("ENOTEMPTY", "EBUSY", "ETXTBSY"),
    "put both on one file system": ("EXDEV",),
    "remove the link that leads to itself": ("ELOOP",),
    "choose a workspace on a file system that can do that": ("EOPNOTSUPP", "ENOSYS", "EMLINK"),
}
ADVICE = {
    number: advice
    for advice, names in _BY_NAME.items()
    for name in names
    if (number := getattr(errno, name, None)) is not None  # not every system knows every error
}
"""What to do about an error of the disk, by its number."""
PASSING = {
    number
    for number, advice in ADVICE.items()
    if _MOUNT in advice or "connection to the drive" in advice
}
"""Errors that a drive over a network may get over by itself."""
_OF_RUST = re.compile(r"\(os error (\d+)\)")


@contextmanager
def named(place: Path) -> Iterator[None]:
    """Turn an error of the disk into one that says where, what and what to do.

    Args:
        place: What was being written or read, for errors that do not name a file themselves.

    Raises:
        StorageError: If the disk failed. Other errors pass.
    """
    try:
        yield
    except StorageError:
        raise
    except Exception as error:
        told = explain(error, place)
        if told is None:
            raise
        raise told from error


def explain(error: BaseException, place: Path) -> StorageError | None:
    """Return what to raise instead of an error, None if it is not one of the disk."""
    number = _number(error)
    if number is None or number not in ADVICE:
        return None
    name = getattr(error, "filename", None)
    where = f"{place} ({name})" if name and str(name) != str(place) else str(place)
    text = f"the disk failed at {where}: {os.strerror(number)}; {ADVICE[number]}, {AGAIN}"
    return StorageError(text, passing=number in PASSING)


def refused(error: OSError) -> StorageError:
    """Return what to say of an error of the system that nobody expected: where, and what it was."""
    place = f"{error.filename}: " if error.filename else ""
    reason = " ".join((error.strerror or str(error) or type(error).__name__).split())
    return StorageError(
        f"the system refused something at work: {place}{reason}; mend that, {AGAIN}"
    )


def _number(error: BaseException) -> int | None:
    """Find the system's number of an error; safetensors and tokenizers write it into the text."""
    if isinstance(error, OSError):
        return error.errno
    found = _OF_RUST.search(str(error))
    return int(found[1]) if found else None
