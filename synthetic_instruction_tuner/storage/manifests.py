"""Manifests: what an artifact contains, file by file with sha256, and whether that still holds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from synthetic_instruction_tuner.errors import StageError, WorkspaceError
from synthetic_instruction_tuner.storage import plain
from synthetic_instruction_tuner.storage.files import (
    canonical_json,
    changed_file,
    digest,
    sha256_of,
)

MANIFEST = "manifest.json"
SCHEMA = 2
"""Since 2 a manifest carries a hash of itself; those of 1 are read as they are."""


@dataclass(frozen=True)
class Manifest:
    """What a committed artifact contains.

    Attributes:
        facts: Counts, versions, revisions, measurements of the run: whatever readers need.
        files: sha256 by path relative to the folder.
        seconds: Working time spent on it, summed over interrupted sessions.
        machine: What it was made on (see `storage.machine`); empty where no one wrote it down.
    """

    stage: str
    name: str
    identity: str
    facts: Mapping[str, Any]
    files: Mapping[str, str]
    seconds: float
    created: str
    folder: Path
    machine: Mapping[str, object] = field(default_factory=dict)

    def path(self, name: str) -> Path:
        """Return the path of one of the files.

        Raises:
            StageError: If the artifact has no such file.
        """
        if name not in self.files:
            raise StageError(f"{self.name} has no file {name!r}; it has {sorted(self.files)}")
        return self.folder / name


def read_manifest(folder: Path) -> Manifest | None:
    """Read a folder's manifest; None if there is none or it is not one of ours.

    Raises:
        WorkspaceError: If a later version wrote it: its work is not to be set aside as damaged.
    """
    try:
        content = plain.read(folder / MANIFEST)
    except (WorkspaceError, FileNotFoundError, NotADirectoryError):  # a link or pipe: none of ours
        return None
    try:
        raw = json.loads(content)
        if not _is_whole(raw):
            return None
        if raw["schema"] > SCHEMA:
            raise WorkspaceError(
                f"{folder} was written by a later version of this tool; update it, or choose "
                "another workspace"
            )
        return Manifest(
            stage=raw["stage"],
            name=raw["name"],
            identity=raw["identity"],
            facts=dict(raw["facts"]),
            files={str(name): str(value) for name, value in raw["files"].items()},
            seconds=float(raw["seconds"]),
            created=raw["created"],
            folder=folder,
            machine=dict(raw.get("machine", {})),
        )
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return None


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a manifest with the hash of all the rest as `check`."""
    content = {name: value for name, value in manifest.items() if name != "check"}
    as_read: dict[str, Any] = json.loads(
        canonical_json(content)
    )  # keys that are numbers become text
    return as_read | {"check": digest(as_read)}


def _is_whole(raw: dict[str, Any]) -> bool:
    if raw["schema"] == 1:
        return True
    return bool(raw["schema"] >= SCHEMA and raw.pop("check") == digest(raw))


def find_damage(manifest: Manifest) -> str | None:
    """Compare the folder with the manifest; return what is wrong first, or None.

    Files that the manifest does not list are damage, too: nobody knows what they are.
    """
    changed = changed_file(manifest.folder, manifest.files)
    if changed is not None:
        return changed
    return next((f"{one.name} is not in its manifest" for one in strays(manifest)), None)


def strays(manifest: Manifest) -> list[Path]:
    """List what lies in the folder and is not in the manifest: files, links, pipes."""
    known = {MANIFEST, *manifest.files}
    found = plain.entries(manifest.folder)
    return [one for one in found if one.relative_to(manifest.folder).as_posix() not in known]


def copy_listed(manifest: Manifest, names: Iterable[str], target: Path, below: str = "") -> None:
    """Copy files of the manifest, and what is in no manifest never.

    Args:
        manifest: What the files belong to.
        names: Which of them.
        target: Folder to copy to; made if need be.
        below: Folder of the artifact that becomes the target.

    Raises:
        StageError: If one is not what the manifest says.
    """
    for name in names:
        copy = target / PurePosixPath(name).relative_to(below)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with plain.open_file(manifest.path(name)) as source, copy.open("xb") as file:
            shutil.copyfileobj(source, file)
        if sha256_of(copy) != manifest.files[name]:
            raise StageError(f"{manifest.name}: {name} changed while it was copied; run it again")
