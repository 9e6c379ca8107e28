"""Files and hashes: canonical JSON, whole-or-nothing writes, moves that overwrite nothing."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from synthetic_instruction_tuner.storage import disk, plain

TEMPORARY = ".tmp"
"""Ending of a file that is being written."""


def canonical_json(value: object) -> str:
    """Render a value as JSON with sorted keys and no spaces: equal values, equal text.

    Raises:
        ValueError: If the value holds NaN, infinity or something JSON has no word for.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def digest(value: object) -> str:
    """Hash a JSON value: the first 32 hexadecimal digits of the sha256 of its canonical form."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:32]


def sha256_of(path: Path) -> str:
    """Hash a file's content."""
    content = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            content.update(block)
    return content.hexdigest()


def changed_file(folder: Path, files: Mapping[str, str]) -> str | None:
    """Compare files with the sha256 they were written with; return what is wrong first, or None.

    Args:
        folder: Where they lie; a name that leads out of it is wrong.
        files: sha256 by path relative to the folder.
    """
    inside = folder.resolve()
    for name, expected in files.items():
        if "\0" in name:
            return f"{name!r} is no file name"
        path = folder / name
        leads_out = ".." in Path(name).parts or not path.resolve().is_relative_to(inside)
        if leads_out or path.is_symlink():
            return f"{name} points outside its folder"
        if not path.is_file():
            return f"{name} is missing"
        if sha256_of(path) != expected:
            return f"{name} is not what was written (sha256 differs)"
    return None


def write_json(path: Path, value: object) -> None:
    """Write JSON so that a reader sees the old file or the whole new one, never a part."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file through a temporary name, flushed, fsynced and renamed."""
    with disk.named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}{TEMPORARY}")
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        sync(path.parent)


def create(path: Path, content: bytes, maker: str = "") -> None:
    """Create a file whole, unless there is one: a link appears at once with its content.

    Args:
        path: The file.
        content: What it holds.
        maker: Ending of the temporary name, which a kill may leave.

    Raises:
        FileExistsError: If something is there.
    """
    whole = path.with_name(f"{path.name}.{uuid.uuid4().hex}.{maker}")
    write_bytes(whole, content)
    try:
        os.link(whole, path)
    except FileExistsError:
        raise
    except OSError:  # Drive and others know no links
        with path.open("xb") as file:
            file.write(content)
    finally:
        whole.unlink()


def sync(path: Path) -> None:
    """Flush a file or folder to the disk; folders where the file system has no such thing pass."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except (PermissionError, IsADirectoryError):  # folders on Windows
        return
    try:
        os.fsync(descriptor)
    except OSError:
        if not path.is_dir():  # network drives refuse to sync folders; a file must sync
            raise
    finally:
        os.close(descriptor)


def list_files(folder: Path) -> list[Path]:
    """List the files below a folder, sorted, without temporary files."""
    return sorted(
        path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(TEMPORARY)
    )


def move_unique(path: Path, target: Path) -> Path:
    """Move a file or folder to a name that is still free: target, target-2, target-3, ..."""
    target.parent.mkdir(parents=True, exist_ok=True)
    free, count = target, 2
    while os.path.lexists(free):
        free, count = target.with_name(f"{target.name}-{count}"), count + 1
    move(path, free)
    return free


def move(path: Path, target: Path) -> None:
    """Rename a file or folder; to another disk it is copied beside the target, then renamed.

    A kill leaves the target as it was or whole, and the source until then.
    """
    try:
        os.replace(path, target)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    near = target.with_name(f".{target.name}.{uuid.uuid4().hex[:12]}{TEMPORARY}")
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, near, symlinks=True)
            for file in plain.entries(near):
                if not file.is_symlink():
                    sync(file)
        else:
            shutil.copy2(path, near, follow_symlinks=False)
        os.replace(near, target)
    finally:
        if near.is_dir():
            shutil.rmtree(near, ignore_errors=True)
        else:
            near.unlink(missing_ok=True)
    plain.remove(path.parent, path)


def slug(name: str) -> str:
    """Turn a name into one path component."""
    return "".join(char if char.isalnum() or char in "._-" else "-" for char in name).strip("-.")
