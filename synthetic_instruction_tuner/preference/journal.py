"""A journal: results of long work, a line a batch, that a kill at any byte cannot corrupt."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.files import canonical_json

logger = logging.getLogger(__name__)


class Journal:
    """An append-only file of JSON values, each line led by the hash of its content.

    A torn, zero-filled or altered line ends what is believed: it and all that follows is cut off
    and done again.

    Args:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> list[Any]:
        """Return the values written so far, and cut off what is not whole."""
        if not self._path.exists():
            return []
        content = self._path.read_bytes()
        values, good = [], 0
        for line in content.splitlines(keepends=True):
            value = _parse(line)
            if value is None:
                logger.warning("%s: cut off after byte %d of %d", self._path, good, len(content))
                os.truncate(self._path, good)
                break
            values.append(value)
            good += len(line)
        return values

    def append(self, value: dict[str, Any]) -> None:
        """Write one value and wait until it is on the disk."""
        text = canonical_json(value).encode()
        with self._path.open("ab") as file:
            file.write(_check(text) + b" " + text + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Delete the file: its content has gone into the artifact."""
        self._path.unlink(missing_ok=True)


def _check(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:16].encode()


def _parse(line: bytes) -> dict[str, Any] | None:
    check, _, text = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or check != _check(text):
        return None
    value: dict[str, Any] = json.loads(text)
    return value
