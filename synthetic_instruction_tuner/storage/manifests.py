"""Manifests: what an artifact contains, file by file with sha256, and whether that still holds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.errors import StageError, WorkspaceError
from synthetic_instruction_tuner.storage.files import canonical_json, changed_file, digest

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
    """

    stage: str
    name: str
    identity: str
    facts: Mapping[str, Any]
    files: Mapping[str, str]
    seconds: float
    created: str
    folder: Path

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
        raw = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
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
        )
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError, NotADirectoryError):
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
    """Compare files with the manifest; return what is wrong first, or None."""
    return changed_file(manifest.folder, manifest.files)
