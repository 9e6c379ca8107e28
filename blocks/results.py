"""Prefect's own record of finished tasks, kept in the workspace, as JSON and nothing else.

A Prefect result record names the serializer that reads it back, so a planted record could ask for
pickle and run code. `WorkspaceResults` hands out only records written by `JsonResults`; any other
is a cache miss, and the artifact itself decides what has to be done.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from prefect.filesystems import LocalFileSystem
from prefect.serializers import Serializer

from synthetic_instruction_tuner.errors import WorkspaceError
from synthetic_instruction_tuner.storage import plain
from synthetic_instruction_tuner.storage.files import digest, write_bytes

FOLDER = ".prefect-results"


class JsonResults(Serializer):
    """Plain JSON, without the class names that Prefect's own JSON serializer would import."""

    type: str = "tuner-json"

    def dumps(self, obj: Any) -> bytes:
        """Encode JSON values; anything else is a TypeError."""
        return json.dumps(obj, ensure_ascii=False, allow_nan=False).encode()

    def loads(self, blob: bytes) -> Any:
        """Decode JSON values."""
        return json.loads(blob)


class WorkspaceResults(LocalFileSystem):
    """Result records of one workspace; refuses every record that is not plain JSON of ours."""

    _block_type_name = "Study results"
    _block_type_slug = "study-results"
    _description = "Prefect's records of finished tasks, as JSON in the workspace of a study."

    def read_path(self, path: str, _sync: bool = True) -> bytes:  # type: ignore[override]
        """Read a record if it is one of ours.

        Raises:
            ValueError: If it is not; Prefect treats that as "no such record".
        """
        try:
            content = plain.read(self._resolve_path(path))
        except WorkspaceError as error:  # a link or a pipe
            raise ValueError(str(error)) from error
        try:
            serializer = json.loads(content)["metadata"]["serializer"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path} is not a result record") from error
        if serializer != {"type": "tuner-json"}:
            raise ValueError(f"{path} names a serializer other than tuner-json: refused")
        return content

    async def aread_path(self, path: str) -> bytes:
        """Read a record if it is one of ours."""
        return self.read_path(path)

    def write_path(  # type: ignore[override]  # Prefect's own is both, sync and async
        self, path: str, content: bytes, _sync: bool = True
    ) -> str:
        """Write a record whole or not at all."""
        target = self._resolve_path(path)
        write_bytes(target, content)
        return str(target)

    async def awrite_path(self, path: str, content: bytes) -> str:
        """Write a record whole or not at all."""
        return self.write_path(path, content)


def register(root: Path) -> WorkspaceResults:
    """Make the workspace's results known to the Prefect server of this session.

    Every new VM has a new server, so this runs at the start of each study, not once.
    """
    block = WorkspaceResults(basepath=str(root / FOLDER))
    block.save(f"results-{digest(str(root))[:12]}", overwrite=True)
    return block
