"""What a run started by a worker shows in the Prefect UI: log lines and progress."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from functools import partial
from uuid import UUID

import httpx
from prefect import runtime
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from synthetic_instruction_tuner import progress
from synthetic_instruction_tuner.progress import LogProgress
from tasks.loggers import LOGGERS
from tasks.own_state import asking_briefly, heed

EVERY_SECONDS = 15.0
AWAY_SECONDS = 120.0
"""Time until a server that did not answer is asked again: each try may hold up the work."""

logger = logging.getLogger(__name__)


def watch(study: str) -> None:
    """Show this process's work on a study in the UI, if a deployment started it."""
    if runtime.deployment.id is None:
        return
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.INFO)
    progress.listen(partial(RunProgress, study))


def artifact_key(text: str) -> str:
    """Turn a title into what Prefect allows as a key: small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


class Bar:
    """A progress artifact of the run in which it is first shown; a silent server costs the view.

    Args:
        title: What advances.
        key: Key of the artifact.
        clock: Seconds.
    """

    def __init__(self, title: str, key: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._title, self._key, self._clock = title, artifact_key(key), clock
        self._artifact: UUID | None = None
        self._away_until: float | None = None

    @property
    def is_there(self) -> bool:
        """Whether it was shown before."""
        return self._artifact is not None

    def show(self, percent: float, text: str) -> bool:
        """Move the bar; returns whether the server has taken it."""
        if self._away_until is not None and self._clock() < self._away_until:
            return False
        self._away_until = None
        try:
            with asking_briefly():  # the work goes on while the server is away
                self._send(percent, text)
        except httpx.HTTPError as error:
            logger.warning("progress of %s could not be shown: %s", self._title, error)
            self._away_until = self._clock() + AWAY_SECONDS
            return False
        return True

    def _send(self, percent: float, text: str) -> None:
        if self._artifact is None:
            self._artifact = create_progress_artifact(  # type: ignore[assignment]
                percent, key=self._key, description=text
            )
        else:
            update_progress_artifact(self._artifact, percent, description=text)


class RunProgress:
    """One piece of work as a log line and a progress artifact, both every 15 seconds.

    Short work leaves log lines only: a hosted server counts requests. Work that was cancelled ends
    here, where its worker does not end it.
    """

    def __init__(self, study: str, title: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._title, self._clock = title, clock
        self._bar = Bar(title, f"{study}-progress-{title}", clock)
        self._line = LogProgress(title, EVERY_SECONDS)
        self._next = clock() + EVERY_SECONDS

    def update(self, done: int, total: int, note: str = "") -> None:
        """Write a line and move the bar if it is time."""
        self._line.update(done, total, note)
        if total <= 0 or not self._is_due(done, total):
            return
        self._next = self._clock() + EVERY_SECONDS
        if self._bar.show(100 * done / total, f"{self._title}: {done}/{total} {note}".rstrip()):
            heed()

    def _is_due(self, done: int, total: int) -> bool:
        if done >= total:
            return self._bar.is_there
        return self._clock() >= self._next
