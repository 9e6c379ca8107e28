"""What a workspace keeps without needing it: a lasting disk is small, nothing goes unasked."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from synthetic_instruction_tuner.storage import claims
from synthetic_instruction_tuner.storage.artifacts import Artifact
from synthetic_instruction_tuner.storage.files import slug
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.workspace import CLAIMS, LEASE_FILE

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
    """

    path: Path
    size: int
    why: str


def find_leftovers(study: Study) -> list[Leftover]:
    """List what could go: superseded and damaged artifacts, unfinished work of other settings."""
    found = [
        (path, why)
        for folder, why in REASONS.items()
        if (study.root / folder).is_dir()
        for path in sorted((study.root / folder).iterdir())
    ]
    found += [(path, "begun with earlier settings") for path in _abandoned(study)]
    found += [(path, "half written by a killed process") for path in _half_written(study)]
    return [Leftover(path, _size(path), why) for path, why in found]


def remove(leftovers: list[Leftover]) -> None:
    """Delete them. The caller holds the workspace's lease."""
    for one in leftovers:
        shutil.rmtree(one.path) if one.path.is_dir() else one.path.unlink()


def _abandoned(study: Study) -> list[Path]:
    """Unfinished work that no run of these settings would go on with."""
    home = study.root / ".unfinished"
    if not home.is_dir():
        return []
    needed = tuple(_staging_name(one) for one in study.artifacts())
    chunks = ("draws-", "responses-")  # their spans depend on how far the study is
    return sorted(one for one in home.iterdir() if not one.name.startswith((*needed, *chunks)))


def _half_written(study: Study) -> list[Path]:
    """Files, leases and claims that a killed process had begun; not what a live one is writing."""
    begun = [*study.root.glob(f"{LEASE_FILE}.*"), *(study.root / CLAIMS).glob("*.json.*")]
    left = [one for one in begun if claims.is_left_behind(one)]
    return sorted({*study.root.glob(".*.tmp"), *left})


def _staging_name(artifact: Artifact) -> str:
    return f"{slug(artifact.name)}-{artifact.identity[:12]}"


def _size(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files if one.is_file())
