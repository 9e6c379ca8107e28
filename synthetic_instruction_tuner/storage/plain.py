"""Plain files and folders: what is opened, followed and removed where others may write, too.

A link leads elsewhere and a named pipe is never read to its end, so where a file or folder of our
own is expected, neither is opened.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from synthetic_instruction_tuner.errors import WorkspaceError

_SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def describe(path: Path) -> str:
    """Say what lies at a path: "a link to ...", "a folder", "a named pipe", "nothing", ..."""
    try:
        if path.is_symlink():
            return f"a link to {os.readlink(path)}"
        return KINDS.get(stat.S_IFMT(path.lstat().st_mode), "no file")
    except FileNotFoundError:
        return "nothing"


def open_file(path: Path, flags: int = os.O_RDONLY) -> BinaryIO:
    """Open a regular file by descriptor; flags as for `os.open`, O_APPEND with O_CREAT to append.

    Raises:
        WorkspaceError: If it is a link, a folder, a pipe or a device.
        OSError: If it is not there or cannot be opened.
    """
    try:
        descriptor = os.open(path, flags | _SAFE, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EMLINK):
            raise _not_plain(path, "file") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _not_plain(path, "file")
    return os.fdopen(descriptor, "ab" if flags & os.O_APPEND else "rb")


def open_to_append(path: Path) -> BinaryIO:
    """Open a regular file to append to it; it is made if need be."""
    return open_file(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def read(path: Path, most: int | None = None) -> bytes:
    """Read a regular file.

    Args:
        path: The file.
        most: Bytes that it may hold.

    Raises:
        WorkspaceError: If it is no regular file, or larger.
        OSError: If it is not there or cannot be read.
    """
    with open_file(path) as file:
        content = file.read() if most is None else file.read(most + 1)
    if most is not None and len(content) > most:
        raise WorkspaceError(f"{path} holds more than {most} bytes: none of ours; move it away")
    return content


def refuse_link(path: Path) -> None:
    """Refuse a link where a folder of our own belongs.

    Raises:
        WorkspaceError: If it is one; says where it leads.
    """
    if path.is_symlink():
        raise _not_plain(path, "folder")


def refuse_links_below(folder: Path) -> None:
    """Refuse a folder that is a link, or holds links, pipes or devices at any depth.

    Raises:
        WorkspaceError: Names the first of them.
    """
    refuse_link(folder)
    for path in entries(folder):
        if not stat.S_ISREG(path.lstat().st_mode):
            raise _not_plain(path, "file")


def _not_plain(path: Path, wanted: str) -> WorkspaceError:
    return WorkspaceError(f"{path} is {describe(path)}, not a plain {wanted}; move it away")


def entries(folder: Path) -> Iterator[Path]:
    """Yield all that is no folder below a folder, sorted; links are entries, never followed."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        links = [name for name in folders if Path(place, name).is_symlink()]
        yield from (Path(place, name) for name in sorted([*files, *links]))


def remove(root: Path, path: Path) -> None:
    """Delete a file or folder that really lies below a root.

    Raises:
        WorkspaceError: If it is a link, or lies elsewhere because a folder above it is one.
    """
    if path.is_symlink() or not path.parent.resolve().is_relative_to(root.resolve()):
        raise WorkspaceError(f"{path} is or lies behind a link; nothing there is removed")
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
