"""What happens to a process on purpose at a file operation: it dies, stops, or its disk fails.

Counted are operations on files of the workspace: open for writing, write, fsync, rename, make and
remove. Files that native code writes (safetensors, parquet, images) count with their fsync and
rename; what was never flushed is torn after a death, see `storage.tear`.
"""

from __future__ import annotations

import builtins
import errno
import io
import mmap
import os
import signal
import struct
import threading
import time
from pathlib import Path

from synthetic_instruction_tuner.storage import claims

FAULTS = {"full": errno.ENOSPC, "broken": errno.EIO}
FLUSHED = "flushed.txt"


class Board:
    """Numbers that a run, its training process and the supervisor share.

    Fields: operations so far, the operation at which something happens, process of the run,
    process of the training, stage (its number), when the present step began.
    """

    FORMAT = "qqqqqd"
    SECONDS = 16

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 4096)
        self.clear()

    def clear(self) -> None:
        """Set everything back for the next attempt."""
        self._memory[:] = bytes(4096)

    def get(self, field: int) -> int:
        """Read a field."""
        return int(struct.unpack_from("q", self._memory, 8 * field)[0])

    def put(self, field: int, value: int) -> None:
        """Set a field."""
        struct.pack_into("q", self._memory, 8 * field, value)

    def name(self, value: bytes | None = None) -> str:
        """Set or read the name of the operation at which something happened."""
        if value is not None:
            self._memory[1024:1088] = value[:64].ljust(64, b"\0")
        return self._memory[1024:1088].rstrip(b"\0").decode()

    def begin(self, stage: int) -> None:
        """Note that a step of a stage begins."""
        self.put(4, stage)
        struct.pack_into("d", self._memory, 40, time.monotonic())

    def end(self) -> None:
        """Add the time of the step that began last to its stage."""
        (started,) = struct.unpack_from("d", self._memory, 40)
        if started:
            place = 64 + 8 * self.get(4)
            (before,) = struct.unpack_from("d", self._memory, place)
            struct.pack_into("d", self._memory, place, before + time.monotonic() - started)
            struct.pack_into("d", self._memory, 40, 0.0)

    def seconds(self, stage: int) -> float:
        """Return the time spent in the steps of a stage, up to now or to the death."""
        return float(struct.unpack_from("d", self._memory, 64 + 8 * stage)[0])


COUNT, AT, RUN, WORKER, STAGE = range(5)


class Hooks:
    """Stands between this process and its files.

    Args:
        board: Shared numbers.
        workspace: The folder whose files count.
        action: "die", "stop" (until SIGCONT), or a key of `FAULTS`: from then on the disk fails.
        log: Where flushed files are noted.
    """

    def __init__(self, board: Board, workspace: Path, action: str, log: Path) -> None:
        self._board, self._action = board, action
        self._prefix = str(workspace)
        self._log = os.open(log / FLUSHED, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._opened = builtins.open

    def install(self) -> None:
        """Wrap what Python code uses to change files."""
        for name in ("replace", "rename", "unlink", "remove", "mkdir", "rmdir", "truncate"):
            setattr(os, name, self._wrapped(name, getattr(os, name)))
        os.fsync = self._fsync(os.fsync)
        builtins.open = io.open = self._open  # type: ignore[assignment]

    def _hit(self, operation: str, path: object = None) -> None:
        if self._action == "stop" and is_renewal():  # of short leases there are too many
            return
        count = self._board.get(COUNT) + 1
        self._board.put(COUNT, count)
        at = self._board.get(AT)
        if not at or count < at:
            return
        if count == at:
            self._board.name(operation.encode())
        if self._action == "die":
            self.die()
        if self._action == "stop":
            if count == at:
                self.signal_all(signal.SIGSTOP)
            return
        number = FAULTS[self._action]
        raise OSError(number, os.strerror(number), *([os.fspath(path)] if path else []))

    def die(self) -> None:
        """End run and training at this very point, as a lost machine does."""
        self._board.end()
        self.signal_all(signal.SIGKILL)

    def signal_all(self, number: int) -> None:
        """Send a signal to run and training, to this process last."""
        found = {self._board.get(RUN), self._board.get(WORKER)} - {0}
        for process in sorted(found, key=os.getpid().__eq__):
            os.kill(process, number)

    def _inside(self, path: object) -> bool:
        try:
            text = os.fspath(path)  # type: ignore[call-overload]
        except TypeError:
            return False
        return os.path.abspath(os.fsdecode(text)).startswith(self._prefix)

    def _wrapped(self, name: str, original):
        def operation(path, *arguments, **options):
            if options.get("dir_fd") is None and self._inside(path):
                self._hit(name, path)
            return original(path, *arguments, **options)

        return operation

    def _fsync(self, original):
        def fsync(descriptor) -> None:
            number = descriptor if isinstance(descriptor, int) else descriptor.fileno()
            path = os.readlink(f"/proc/self/fd/{number}")
            if self._inside(path):
                self._hit("fsync")
                original(descriptor)
                inode = os.fstat(number).st_ino
                os.write(self._log, f"{inode} {time.time_ns()}\n".encode())
                return
            original(descriptor)

        return fsync

    def _open(self, file, mode="r", buffering=-1, encoding=None, errors=None, newline=None,
              closefd=True, opener=None):  # fmt: skip
        writes = any(letter in mode for letter in "wax+")
        if not writes or isinstance(file, int) or not self._inside(file):
            return self._opened(file, mode, buffering, encoding, errors, newline, closefd, opener)
        self._hit("open", file)
        raw = Leaky(file, mode.replace("b", "").replace("t", ""), opener=opener)
        raw.hooks = self
        if buffering == 0:
            return raw
        buffer = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        if "b" in mode:
            return buffer
        text = io.TextIOWrapper(buffer, encoding, errors, newline, buffering == 1)
        text.mode = mode
        return text


def is_renewal() -> bool:
    """Whether this is the thread that renews a lease or claim."""
    return getattr(threading.current_thread(), "_target", None) is claims._keep


class Leaky(io.FileIO):
    """A file whose write may reach the disk by half."""

    hooks: Hooks

    def write(self, content) -> int:
        """Write, or write half and fail."""
        hooks = self.hooks
        if hooks._board.get(COUNT) + 1 == hooks._board.get(AT):
            super().write(bytes(content)[: len(content) // 2])
        hooks._hit("write")
        return super().write(content) or 0
