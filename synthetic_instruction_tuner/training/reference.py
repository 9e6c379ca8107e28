"""Reference log-probabilities of preference pairs: computed once, kept under an identity key.

They are taken before the first step, from the adapter the arm starts from. A resumed run reads them
and so never takes the half-trained policy for the reference; arms that differ in beta or learning
rate alone share them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from synthetic_instruction_tuner.files import digest, sha256_of, write_json
from synthetic_instruction_tuner.training.data import Rows
from synthetic_instruction_tuner.training.job import Job
from synthetic_instruction_tuner.training.objective import Reference

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


def load_or_compute(folder: Path, name: str, compute: Callable[[], Reference]) -> Reference:
    """Return the stored values, or compute and store them.

    Args:
        folder: The workspace's cache.
        name: Key of these values.
        compute: The pass over all pairs.
    """
    path = folder / f"{name}.json"
    held = _read(path)
    if held is None:
        write_json(path, compute())
        write_json(path.with_suffix(".manifest"), {path.name: sha256_of(path)})
        held = _read(path)
    if held is None:
        raise OSError(f"{path} could not be read back after it was written")
    return held


def _read(path: Path) -> Reference | None:
    """Read values back if they are what was written."""
    try:
        manifest = json.loads(path.with_suffix(".manifest").read_text(encoding="utf-8"))
        if manifest[path.name] != sha256_of(path):
            return None
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError):
        return None
    return {row: (float(pair[0]), float(pair[1])) for row, pair in values.items()}
