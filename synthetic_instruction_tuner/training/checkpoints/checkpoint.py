"""Checkpoints that a kill at any moment cannot spoil.

A checkpoint is a folder `step-0000050` with `weights.safetensors`, `optimizer.safetensors`,
`state.json` and, written last, `manifest.json` with the sha256 of each. The folder is written under
a temporary name, flushed, and renamed; the newest one whose files are what the manifest says wins.
Random states need no file: every step's draws derive from (seed, step), see `order.stream`.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.storage import claims
from synthetic_instruction_tuner.storage.files import changed_file, sha256_of, sync, write_json
from synthetic_instruction_tuner.storage.processes import process_name

logger = logging.getLogger(__name__)

MANIFEST = "manifest.json"
FILES = ("weights.safetensors", "optimizer.safetensors", "state.json")
KEEP = 2
"""Checkpoints kept: the newest, and the one to fall back on if a disk fails under it."""


@dataclass(frozen=True)
class Checkpoint:
    """A valid checkpoint as read back.

    Attributes:
        weights: Trained parameters by name.
        optimizer: Optimizer tensors by "<key>/<parameter name>".
        state: Everything else: step, curve, measurements, loss scale.
    """

    weights: dict[str, Any]
    optimizer: dict[str, Any]
    state: dict[str, Any]


def write(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint crash-safe and remove all but the newest two.

    Args:
        folder: Where the checkpoints of this run lie.
        checkpoint: What to write; its state names the step.

    Returns:
        The checkpoint's folder.
    """
    from safetensors.torch import save_file

    final = path_of(folder, checkpoint.state["step"])
    temporary = _temporary(final)
    save_file(checkpoint.weights, temporary / "weights.safetensors")
    save_file(checkpoint.optimizer, temporary / "optimizer.safetensors")
    write_json(temporary / "state.json", checkpoint.state)
    files = sorted(temporary.iterdir())
    for path in files:
        sync(path)
    write_json(temporary / MANIFEST, {path.name: sha256_of(path) for path in files})
    return _publish(temporary, final)


def copy(path: Path, folder: Path) -> None:
    """Copy a checkpoint to another folder, crash-safe; the manifest goes last.

    The checkpoint may be removed meanwhile because newer ones came; then nothing is copied.
    """
    final = folder / path.name
    if find_damage(final) is None:
        return
    temporary = _temporary(final)
    try:
        for file in sorted(path.iterdir(), key=lambda one: one.name == MANIFEST):
            shutil.copyfile(file, temporary / file.name)
            sync(temporary / file.name)
    except FileNotFoundError:
        shutil.rmtree(temporary)
        return
    _publish(temporary, final)


def path_of(folder: Path, step: int) -> Path:
    """Return where the checkpoint of a step lies."""
    return folder / f"step-{step:07d}"


def _temporary(final: Path) -> Path:
    temporary = final.with_name(f".{final.name}.{process_name()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    return temporary


def _publish(temporary: Path, final: Path) -> Path:
    """Rename a complete checkpoint to its name and remove all but the newest two."""
    claims.check(final)
    if final.exists():
        shutil.rmtree(final)
    os.replace(temporary, final)
    sync(final.parent)
    for old in sorted(final.parent.glob("step-*"))[:-KEEP]:
        shutil.rmtree(old)
    return final


def newest(folder: Path) -> Checkpoint | None:
    """Return the newest valid checkpoint; damaged ones are renamed and named in the log."""
    for leftover in folder.glob(".step-*"):
        shutil.rmtree(leftover)
    for path in sorted(folder.glob("step-*"), reverse=True):
        damage = find_damage(path)
        if damage is None:
            return read(path)
        os.replace(path, path.with_name(f"damaged-{path.name}-{process_name()}"))
        logger.warning("checkpoint %s is not used: %s", path, damage)
    return None


def find_damage(path: Path) -> str | None:
    """Compare a checkpoint with its manifest; return what is wrong first, or None."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return f"its manifest cannot be read ({error})"
    if not isinstance(manifest, dict) or not manifest:
        return "its manifest names no files"
    return changed_file(path, {name: str(manifest.get(name)) for name in FILES})


def read(path: Path) -> Checkpoint:
    """Read a checkpoint that was found whole."""
    from safetensors.torch import load_file

    return Checkpoint(
        load_file(path / "weights.safetensors"),
        load_file(path / "optimizer.safetensors"),
        json.loads((path / "state.json").read_text(encoding="utf-8")),
    )
