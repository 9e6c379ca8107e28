"""How fast a server may be asked."""

from __future__ import annotations

import threading
from collections.abc import Callable


class RateLimit:
    """Spaces requests evenly, whatever thread sends them.

    Args:
        per_minute: Requests a minute.
        sleep: How to wait.
        clock: Seconds that never go back.
    """

    def __init__(
        self, per_minute: float, sleep: Callable[[float], None], clock: Callable[[], float]
    ) -> None:
        self._interval, self._sleep, self._clock = 60 / per_minute, sleep, clock
        self._lock, self._next = threading.Lock(), clock()

    def wait(self) -> None:
        """Wait for the next free place."""
        with self._lock:
            now = self._clock()
            mine = max(now, self._next)
            self._next = mine + self._interval
        if mine > now:
            self._sleep(mine - now)
