"""The folder of a study under a name, so that runs started from a form agree on it."""

from __future__ import annotations

from pathlib import Path

from prefect.blocks.core import Block
from pydantic import Field

from blocks.logos import FOLDER
from synthetic_instruction_tuner.study.workspace import require_drive


class Workspace(Block):
    """The folder that one study lives in, as the machine of the worker sees it."""

    _block_type_name = "Study workspace"
    _block_type_slug = "study-workspace"
    _logo_url = FOLDER
    _description = (
        "The folder of one study, as the worker's machine sees it; "
        "on Colab a folder on the mounted Drive, so that it outlives the session."
    )

    path: str = Field(
        min_length=1,
        title="Folder",
        description="For example /content/drive/MyDrive/studies/llama, or ~/studies/llama.",
    )

    def folder(self) -> Path:
        """Return the folder.

        Raises:
            WorkspaceError: If it lies on a Drive that is not mounted: writing there would fill
                the session's own disk, which is lost with the session.
        """
        path = Path(self.path).expanduser()
        require_drive(path)
        return path
