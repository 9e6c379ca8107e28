"""Checkpoints on the machine's own disk first, then in the workspace, which may be a slow drive.

A session that dies loses its machine's disk, so each checkpoint is copied to the workspace; the
copy runs beside the training and is as crash-safe as the checkpoint itself. Where the workspace
lies on the same disk as the scratch folder, checkpoints are written there at once.
"""

from __future__ import annotations

import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from synthetic_instruction_tuner.storage.files import digest
from synthetic_instruction_tuner.storage.processes import private_folder
from synthetic_instruction_tuner.training.checkpoints import checkpoint
from synthetic_instruction_tuner.training.checkpoints.checkpoint import Checkpoint


class Checkpoints:
    """The checkpoints of one run, on scratch and in the workspace.

    Args:
        workspace: Folder in the workspace.
        scratch: Folder on a local disk; None to write to the workspace at once.
    """

    def __init__(self, workspace: Path, scratch: Path | None = None) -> None:
        self._workspace, self._scratch = workspace, scratch
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._copy: Future[None] | None = None

    def write(self, held: Checkpoint) -> None:
        """Write a checkpoint; it is copied later if the last copy is still under way.

        Raises:
            OSError: If it, or the last copy, could not be written.
        """
        if self._scratch is None:
            checkpoint.write(self._workspace, held)
            return
        path = checkpoint.write(self._scratch, held)
        if self._copy is None or self._copy.done():
            self._finish_copy()
            self._copy = self._thread.submit(checkpoint.copy, path, self._workspace)

    def newest(self) -> Checkpoint | None:
        """Return the newest valid checkpoint of both places."""
        found = [checkpoint.newest(folder) for folder in self._folders]
        whole = [one for one in found if one is not None]
        return max(whole, key=lambda one: int(one.state["step"]), default=None)

    def read(self, step: int) -> Checkpoint:
        """Read a checkpoint that `newest` returned in another process."""
        for folder in self._folders:
            path = checkpoint.path_of(folder, step)
            if path.is_dir():
                return checkpoint.read(path)
        raise FileNotFoundError(f"no checkpoint of step {step} in {self._workspace}")

    def close(self, keep: bool = True) -> None:
        """Bring the newest checkpoint to the workspace and wait for it.

        Args:
            keep: Whether the scratch folder stays, for a run that goes on later on this machine.
        """
        self._finish_copy()
        if self._scratch is not None:
            newest = max(self._scratch.glob("step-*"), default=None)
            if newest is not None and keep:
                checkpoint.copy(newest, self._workspace)
            if not keep:
                shutil.rmtree(self._scratch, ignore_errors=True)

    @property
    def _folders(self) -> list[Path]:
        return [one for one in (self._scratch, self._workspace) if one is not None]

    def _finish_copy(self) -> None:
        copy, self._copy = self._copy, None
        if copy is not None:
            copy.result()


def local(workspace: Path) -> Path | None:
    """Return the scratch folder of a run, or None if the workspace lies on the same disk.

    The folder belongs to this user alone, so that nobody else can plant a checkpoint.
    """
    root = private_folder()
    workspace.mkdir(parents=True, exist_ok=True)
    if root is None or root.stat().st_dev == workspace.stat().st_dev:
        return None
    return root / digest(str(workspace.resolve()))
