"""Finished batches of an evaluation, kept so that a killed one repeats at most the last batch."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.errors import StageError


class Journal:
    """A file with one line a finished batch; a torn last line counts as not written.

    Args:
        path: The file.
        fingerprint: What the batches depend on (items, adapter, prompts, plan); lines that were
            written under another fingerprint are dropped.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._path, self._fingerprint = path, fingerprint
        self._results: dict[str, Any] = {}
        self.seconds = 0.0
        self._recover()

    def _recover(self) -> None:
        header = {"fingerprint": self._fingerprint}
        whole = 0
        if self._path.exists():
            lines = _whole_lines(self._path)
            if next(lines, (0, None))[1] == header:
                whole = len(json.dumps(header)) + 1
                for end, line in lines:
                    self._results[line["batch"]] = line["result"]
                    self.seconds += line["seconds"]
                    whole = end
        if not whole:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._path.write_text(json.dumps(header) + "\n", encoding="utf-8")
            return
        os.truncate(self._path, whole)

    def get(self, batch: str) -> Any:
        """Return the result of a finished batch, else None."""
        return self._results.get(batch)

    @contextmanager
    def recording(self, batch: str) -> Iterator[list[Any]]:
        """Time the work on a batch; the value appended to the list is made durable at the end."""
        started = time.perf_counter()
        result: list[Any] = []
        yield result
        if len(result) != 1:
            raise StageError(f"batch {batch} ended without its result")
        seconds = time.perf_counter() - started
        line = {"batch": batch, "result": result[0], "seconds": round(seconds, 6)}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._results[batch] = result[0]
        self.seconds += seconds

    def close(self) -> None:
        """Remove the file: the evaluation is complete."""
        self._path.unlink()


def _whole_lines(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the end offset and content of every line up to the first torn one."""
    end = 0
    with path.open("rb") as file:
        for line in file:
            end += len(line)
            try:
                content = json.loads(line)
            except ValueError:
                return
            if not line.endswith(b"\n"):
                return
            yield end, content
