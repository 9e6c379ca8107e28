"""What people see while a study runs: bars with ETA in a terminal, lines in a log."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from synthetic_instruction_tuner import progress

SMALL = 0.01
"""Hours, units and dollars below this are told as such: nobody plans with them."""
console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def printable(text: str) -> str:
    """Replace control characters: what models, servers and rows hold must not drive a terminal."""
    return "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in text)


def span(best: float, slow: float) -> str:
    """Write a range with two digits that say something: "0.45 to 2.5", "12 to 46"."""
    if 0 < slow < SMALL:
        return f"under {SMALL}"
    low, high = (f"{one:.2g}" if one < 10 else f"{one:,.0f}" for one in (best, slow))
    return low if low == high else f"{low} to {high}"


class PrintableRecord(logging.LogRecord):
    """A line of the log, which may quote rows and servers."""

    def getMessage(self) -> str:
        """Return the line without control characters."""
        return printable(super().getMessage())


class Bar:
    """One piece of work as one bar; it appears with its first report."""

    def __init__(self, bars: Progress, title: str) -> None:
        self._bars, self._title = bars, title
        self._task: TaskID | None = None

    def update(self, done: int, total: int, note: str = "") -> None:
        """Move the bar."""
        if self._task is None:
            self._task = self._bars.add_task(self._title, total=total, note="")
        self._bars.update(self._task, completed=done, total=total, note=note)


@contextmanager
def showing_progress() -> Iterator[None]:
    """Show the progress of everything inside: bars if a person watches, else lines."""
    if not console.is_terminal:
        progress.listen(lambda title: progress.LogProgress(title, write=_line), _line)
        _show_warnings()
        yield
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as bars:
        progress.listen(lambda title: Bar(bars, title), _line)
        yield


def _line(text: str) -> None:
    console.print(f"{time.strftime('%H:%M:%S')} {text}")


def _show_warnings() -> None:
    logging.getLogger("synthetic_instruction_tuner").setLevel(logging.INFO)
