"""A journal: what long work has finished so far, so that a kill at any byte costs little.

Lines are appended, each led by the hash of its content. A torn, zero-filled or altered line ends
what is believed: it and all that follows is cut off and done again. Whether what is there still
holds is said by a fingerprint in the first line.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.storage import plain

logger = logging.getLogger(__name__)

SYNC_SECONDS = 1.0
"""A killed process loses nothing; a machine that loses power, what it wrote in this time."""


class Journal:
    """An append-only file of JSON objects.

    Args:
        path: The file; it need not exist.
        fingerprint: What the lines depend on; lines of another fingerprint are dropped.

    Raises:
        WorkspaceError: If a link or a pipe lies there: what it leads to would be cut or written.

    Attributes:
        seconds: Sum of the lines' "seconds": the work that went into them, over all sessions.
    """

    def __init__(self, path: Path, fingerprint: str = "") -> None:
        self._path, self._header = path, {"fingerprint": fingerprint}
        self._synced = 0.0
        lines, self._whole = self._recover()
        self._lines = lines[1:] if lines[:1] == [self._header] else []
        if lines and lines[0] != self._header:
            logger.info("%s belongs to other settings: started anew", path)
            path.unlink()
            self._whole = False
        self._named = {one["name"]: one["value"] for one in self._lines if "name" in one}
        self.seconds = float(sum(one.get("seconds", 0.0) for one in self._lines))

    def _recover(self) -> tuple[list[dict[str, Any]], bool]:
        """Read the whole lines, cut off the rest, and tell whether any are left."""
        try:
            content = plain.read(self._path)
        except FileNotFoundError:
            return [], False
        lines, good = [], 0
        for line in content.splitlines(keepends=True):
            value = _parse(line)
            if value is None:
                logger.warning("%s: cut off after byte %d of %d", self._path, good, len(content))
                os.truncate(self._path, good)
                break
            lines.append(value)
            good += len(line)
        return lines, bool(lines)

    def read(self) -> list[dict[str, Any]]:
        """Return what was appended, in order."""
        return list(self._lines)

    def append(self, value: dict[str, Any]) -> None:
        """Write one object.

        Raises:
            ValueError: If it holds what JSON has no word for (NaN, infinity); nothing is written.
        """
        rows = [value] if self._whole else [self._header, value]
        content = b"".join(map(_render, rows))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with plain.open_to_append(self._path) as file:
            file.write(content)
            file.flush()
            if time.monotonic() - self._synced >= SYNC_SECONDS:
                os.fsync(file.fileno())
                self._synced = time.monotonic()
        self._whole = True
        self._lines.append(value)
        self.seconds += float(value.get("seconds", 0.0))

    def get(self, name: str) -> Any:
        """Return the value that was put under a name, else None."""
        return self._named.get(name)

    def put(self, name: str, value: object, seconds: float) -> None:
        """Write a value under a name, and how much work it was."""
        self.append({"name": name, "value": value, "seconds": round(seconds, 6)})
        self._named[name] = value

    @contextmanager
    def recording(self, name: str) -> Iterator[list[Any]]:
        """Time the work on a value; what is appended to the list is put under the name."""
        started = time.perf_counter()
        result: list[Any] = []
        yield result
        if len(result) != 1:
            raise StageError(f"{name} ended without its result")
        self.put(name, result[0], time.perf_counter() - started)

    def close(self) -> None:
        """Delete the file: its content has gone into the artifact."""
        self._path.unlink(missing_ok=True)


def _render(value: dict[str, Any]) -> bytes:
    text = json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
    return _check(text) + b" " + text + b"\n"


def _check(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest()[:16].encode()


def _parse(line: bytes) -> dict[str, Any] | None:
    check, _, text = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or check != _check(text):
        return None
    value: dict[str, Any] = json.loads(text)
    return value
