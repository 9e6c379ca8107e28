"""Reference log-probabilities of preference pairs: computed once, kept under an identity key.

They are taken before the first step, from the adapter the arm starts from. A resumed run reads them
and so never takes the half-trained policy for the reference; arms that differ in beta or learning
rate alone share them.
"""

from __future__ import annotations

import json
from pathlib import Path

from synthetic_instruction_tuner.methods.losses.objective import Reference
from synthetic_instruction_tuner.storage.files import changed_file, digest, sha256_of, write_json
from synthetic_instruction_tuner.training.data import Rows
from synthetic_instruction_tuner.training.job import Job

VERSION = 1


def key(job: Job, rows: Rows, template: str, compute: str) -> str:
    """Hash everything that the values depend on: weights, tokens, precision."""
    return digest(
        {
            "version": VERSION,
            "student": job.student_content,
            "start": job.start_identity or {"adapter": job.identity},
            "data": job.data_identity,
            "max_length": job.training.max_length,
            "template": template,
            "compute": compute,
            "tokens": sum(row.tokens for row in (*rows.train, *rows.validation)),
        }
    )


def store(folder: Path, name: str, values: Reference) -> None:
    """Write values to the cache; the manifest comes last.

    Args:
        folder: The workspace's cache.
        name: Key of these values.
        values: Log-probabilities of the chosen and the rejected response by row.
    """
    path = folder / f"{name}.json"
    write_json(path, values)
    write_json(path.with_suffix(".manifest"), {path.name: sha256_of(path)})


def load(folder: Path, name: str) -> Reference:
    """Read values that are there.

    Raises:
        OSError: If they cannot be read back.
    """
    held = read(folder, name)
    if held is None:
        raise OSError(f"{folder / name}.json could not be read back after it was written")
    return held


def read(folder: Path, name: str) -> Reference | None:
    """Read values back if they are what was written; None if they are not there or damaged."""
    path = folder / f"{name}.json"
    try:
        manifest = json.loads(path.with_suffix(".manifest").read_text(encoding="utf-8"))
        if changed_file(folder, {path.name: manifest[path.name]}):
            return None
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None
    return {row: (float(pair[0]), float(pair[1])) for row, pair in values.items()}
