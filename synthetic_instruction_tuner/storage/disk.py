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
ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or raise the quota",
    errno.EFBIG: "put the workspace on a file system that takes larger files",
    errno.ENAMETOOLONG: "choose a workspace with a shorter path",
    errno.EROFS: "mount it for writing, or choose another workspace",
    errno.EACCES: "allow this user to read and write there, or choose another workspace",
    errno.EPERM: "allow this user to read and write there, or choose another workspace",
    errno.EIO: "check the disk, or mount the drive anew",
    errno.ESTALE: "mount the drive anew",
    errno.ENOTCONN: "mount the drive anew",
    errno.ECONNABORTED: "mount the drive anew",
    errno.ETIMEDOUT: "check the connection to the drive",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
}
"""What to do about an error of the disk, by its number."""
PASSING = {errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.ECONNABORTED, errno.ETIMEDOUT}
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


def _number(error: BaseException) -> int | None:
    """Find the system's number of an error; safetensors and tokenizers write it into the text."""
    if isinstance(error, OSError):
        return error.errno
    found = _OF_RUST.search(str(error))
    return int(found[1]) if found else None
