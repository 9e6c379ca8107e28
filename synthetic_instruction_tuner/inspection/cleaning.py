"""What a workspace keeps without needing it: a lasting disk is small, nothing goes unasked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from synthetic_instruction_tuner.storage import plain, processes
from synthetic_instruction_tuner.storage.artifacts import Artifact
from synthetic_instruction_tuner.storage.claims import FOLDER
from synthetic_instruction_tuner.storage.files import slug
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.workspace import LEASE_FILE

REASONS = {
    ".superseded": "made with earlier settings",
    ".set-aside": "damaged, and made again since",
}


@dataclass(frozen=True)
class Leftover:
    """A folder or file that no artifact of the present settings needs.

    Attributes:
        path: Where it lies.
        size: Bytes.
        why: Why it is there.
        removable: Whether `remove` takes it away; a link stays, as what it leads to is not ours.
    """

    path: Path
    size: int
    why: str
    removable: bool = True


def find_leftovers(study: Study) -> list[Leftover]:
    """List what could go: superseded and damaged artifacts, unfinished work of other settings."""
    found = [(path, why) for name, why in REASONS.items() for path in _within(study.root / name)]
    found += [(path, "begun with earlier settings") for path in _abandoned(study)]
    found += [(path, "half written by a killed process") for path in _half_written(study)]
    return [_leftover(path, why) for path, why in found]


def remove(study: Study, leftovers: list[Leftover]) -> None:
    """Delete what can be; the caller holds the workspace's lease.

    Raises:
        WorkspaceError: If a folder has become a link since it was listed.
    """
    for one in leftovers:
        if one.removable:
            plain.remove(study.root, one.path)


def _within(folder: Path) -> list[Path]:
    """List what a folder of the workspace holds; of a link only itself."""
    if folder.is_symlink():
        return [folder]
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _leftover(path: Path, why: str) -> Leftover:
    if path.is_symlink():
        return Leftover(path, 0, f"{plain.describe(path)}: not followed, it stays", False)
    return Leftover(path, _size(path), why)


def _abandoned(study: Study) -> list[Path]:
    """Unfinished work that no run of these settings would go on with."""
    needed = tuple(_staging_name(one) for one in study.artifacts())
    chunks = ("draws-", "responses-", "signals-")  # their spans depend on how far the study is
    found = _within(study.root / ".unfinished")
    return [one for one in found if not one.name.startswith((*needed, *chunks))]


def _half_written(study: Study) -> list[Path]:
    """Files, leases and claims that a killed process had begun; not what a live one is writing."""
    held = study.root / FOLDER
    begun = [one for one in _within(held) if ".json." in one.name]
    begun += study.root.glob(f"{LEASE_FILE}.*")
    left = [one for one in begun if processes.is_left_behind(one)]
    linked = [held] if held.is_symlink() else []
    places = {study.root, *((study.root / one.folder).parent for one in study.artifacts())}
    torn = [path for place in places for path in place.glob(".*.tmp")]
    return sorted({*torn, *left, *linked})


def _staging_name(artifact: Artifact) -> str:
    return f"{slug(artifact.name)}-{artifact.identity[:12]}"


def _size(path: Path) -> int:
    files = plain.entries(path) if path.is_dir() else [path]
    return sum(one.lstat().st_size for one in files)
