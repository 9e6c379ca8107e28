"""What the page of a study's run tells: each stage and step as a line, and one bar for the whole.

Steps run in flows of their own, whose lines and tables lie on other pages. Whoever starts a study
looks at one page.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from prefect import get_run_logger, runtime

from synthetic_instruction_tuner.inspection.status import outstanding, read_stage
from synthetic_instruction_tuner.storage.artifacts import Artifact
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.stages import Stage
from tasks.publishing import publish
from tasks.watching import Bar

EVERY_SECONDS = 15.0
"""Time between two lines about steps: a hosted server counts requests."""

_current: ContextVar[Story | None] = ContextVar("story", default=None)


class Story:
    """What is told of one run of a study.

    Args:
        study: The study.
        steps: What the run has to make.
        write: Writes a line to the run's log.
        bar: Shows the share that is made; None where nobody looks.
        clock: Seconds.
    """

    def __init__(
        self,
        study: Study,
        steps: list[Artifact],
        write: Callable[[str], Any],
        bar: Bar | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._study, self._write, self._bar, self._clock = study, write, bar, clock
        self._left = {one.identity: one for one in steps}
        self._made = 0
        self._started = clock()
        self._told = clock()
        self._report: str | None = None

    def count(self, artifact: Artifact) -> None:
        """Count a step that is made; says so if the last line is a while ago."""
        self._left.pop(artifact.identity, None)
        self._made += 1
        if self._clock() - self._told >= EVERY_SECONDS:
            self._advance(artifact.name)

    def tell(self, stage: Stage) -> None:
        """Say what a finished stage has to show, and show its tables."""
        done = [one for one in self._left.values() if one.stage == stage]
        for one in done:  # made on other machines, or not needed any more
            del self._left[one.identity]
        self._made += len(done)
        status = read_stage(self._study, stage)
        self._advance(f"{stage}: {status.detail or status.state}")
        self._report = publish(self._study, stage) or self._report

    def where(self) -> str:
        """Return where the report is, as the end of a sentence; empty while there is none."""
        found = self._study.store.find(self._study.report)
        place = self._report or (found and found.path("report.html"))
        return f"; report: {place}" if place else ""

    def _advance(self, text: str) -> None:
        self._told = self._clock()
        total = self._made + len(self._left)
        line = f"{text} ({self._made} of {total} steps{self._time_left()})"
        self._write(line)
        if self._bar is not None and total:
            self._bar.show(100 * self._made / total, line)

    def _time_left(self) -> str:
        if not self._made or not self._left:
            return ""
        minutes = (self._clock() - self._started) / self._made * len(self._left) / 60
        return f", at this pace {minutes:.0f} min left" if minutes >= 1 else ", a minute left"


@contextmanager
def telling(study: Study, until: Stage) -> Iterator[Story]:
    """Tell the story of the run of this study on its own page."""
    deployed, name = runtime.deployment.id is not None, study.config.name
    bar = Bar(name, f"{name}-study") if deployed else None
    logger = logging.LoggerAdapter(get_run_logger())
    story = Story(study, outstanding(study, until), logger.info, bar)
    before = _current.set(story)
    try:
        yield story
    finally:
        _current.reset(before)


def count(artifact: Artifact) -> None:
    """Count a step that was made, if it belongs to a study's run."""
    story = _current.get()
    if story is not None:
        story.count(artifact)
