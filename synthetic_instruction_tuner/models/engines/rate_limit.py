"""How fast a server may be asked."""

from __future__ import annotations

from collections.abc import Callable


class RateLimit:
    """Spaces requests evenly.

    Args:
        per_minute: Requests a minute.
        clock: Seconds that never go back.
    """

    def __init__(self, per_minute: float, clock: Callable[[], float]) -> None:
        self._interval, self._clock, self._next = 60 / per_minute, clock, clock()

    def take_place(self) -> float:
        """Take the next free place.

        Returns:
            Seconds to wait for it.
        """
        now = self._clock()
        mine = max(now, self._next)
        self._next = mine + self._interval
        return mine - now
