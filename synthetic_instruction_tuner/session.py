"""How much one session may do: it leaves at a chunk boundary, and the next one goes on."""

from __future__ import annotations

import time
from collections.abc import Callable

from synthetic_instruction_tuner.config import SessionConfig


class Session:
    """Counts what a session has done against its budget.

    Args:
        budget: Minutes and samples a session may use.
        clock: Seconds that never go back.
    """

    def __init__(self, budget: SessionConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self._budget, self._clock = budget, clock
        self._started = clock()
        self._samples = 0

    def count(self, samples: int) -> None:
        """Add samples drawn."""
        self._samples += samples

    @property
    def used_up(self) -> str | None:
        """Say which budget is used up, or None while there is some left."""
        minutes = (self._clock() - self._started) / 60
        if self._budget.minutes is not None and minutes >= self._budget.minutes:
            return f"session.minutes={self._budget.minutes:g} used up after {minutes:.1f} minutes"
        if self._budget.samples is not None and self._samples >= self._budget.samples:
            return f"session.samples={self._budget.samples} used up: {self._samples} drawn"
        return None
