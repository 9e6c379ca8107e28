"""What a training process is told: everything about one arm, as one JSON file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from synthetic_instruction_tuner.config import ArmConfig, TrainingConfig
from synthetic_instruction_tuner.settings import Settings

WORK = "work"
"""Folder inside the staging folder for what is not part of the result: checkpoints, log, spec."""


class Job(Settings):
    """One arm to train with one seed."""

    subject: str
    """Name of the arm in tables ("sft", "sft-seed43")."""
    identity: str
    """Identity of the artifact that is made."""
    arm: ArmConfig
    """Method and its settings."""
    adapter: ArmConfig
    """The arm whose kind of adapter is trained: this one, or the first of those it goes on from."""
    training: TrainingConfig
    """Student, lengths, checkpoints; the list of arms is left empty."""
    seed: int
    """Training seed."""
    data: Path
    """JSON lines to learn from."""
    data_identity: str
    """Identity of the artifact the data belongs to."""
    start: Path | None = None
    """Folder of the trained arm to go on from; None: the base."""
    start_identity: str | None = None
    """Identity of that arm."""
    folder: Path
    """Staging folder: the result, and `work/` for the rest."""
    cache: Path
    """Folder for reference log-probabilities, shared by the arms of a workspace."""
    claims: dict[Path, str] = Field(default_factory=dict)
    """The claims it is made under, with their tokens: who loses one writes no more."""
    student_content: dict[str, Any] = Field(default_factory=dict)
    """What determines the student's output, for the key of the cache."""

    @property
    def work(self) -> Path:
        """Folder of checkpoints, log and specification."""
        return self.folder / WORK

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.work / "checkpoints"
