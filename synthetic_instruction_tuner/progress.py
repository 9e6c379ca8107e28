"""How long work tells what it is doing, whoever listens: a terminal, a log, the Prefect UI."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Protocol

logger = logging.getLogger(__name__)


class Progress(Protocol):
    """Receives the advance of one piece of work; `done` and `total` count the same unit."""

    def update(self, done: int, total: int, note: str = "") -> None:
        """Report that `done` of `total` units are finished; `note` is one short line."""


class Silent:
    """Drops every report."""

    def update(self, done: int, total: int, note: str = "") -> None:
        """Do nothing."""


class LogProgress:
    """Writes a line every few seconds, and the first and last one always: readable in any log."""

    def __init__(
        self,
        title: str,
        every_seconds: float = 15.0,
        write: Callable[[str], None] = logger.info,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._title, self._every, self._write, self._clock = title, every_seconds, write, clock
        self._first: tuple[int, float] | None = None
        self._last, self._total = 0.0, 0

    def update(self, done: int, total: int, note: str = "") -> None:
        """Write a line if enough time has passed since the last one."""
        now = self._clock()
        over = done >= total == self._total  # a total that grows along is not known yet
        self._total = total
        if self._first is None:
            self._first = (done, now)  # what it took to get there was no progress
        elif not over and now - self._last < self._every:
            return
        self._last = now
        left = self._left(self._first, done, total, now)
        self._write(f"{self._title}: {done}/{total}{left} {note}".rstrip())

    @staticmethod
    def _left(first: tuple[int, float], done: int, total: int, now: float) -> str:
        advanced = done - first[0]
        if advanced <= 0 or done >= total:
            return ""
        seconds = (now - first[1]) / advanced * (total - done)
        return f", about {seconds:.0f} s left"


_start: Callable[[str], Progress] = LogProgress
_say: Callable[[str], None] = logger.info


def listen(start: Callable[[str], Progress], say: Callable[[str], None] = logger.info) -> None:
    """Choose who hears about progress, and about what was found, from now on in this process."""
    global _start, _say
    _start, _say = start, say


def start(title: str) -> Progress:
    """Begin to report one piece of work to whoever listens; by default the log."""
    return _start(title)


def say(text: str) -> None:
    """Tell what a step has found, in a line, to whoever listens."""
    _say(text)
