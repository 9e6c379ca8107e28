"""How much one session may do: it leaves at a chunk boundary, and the next one goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from synthetic_instruction_tuner.config import CostConfig, SessionConfig
from synthetic_instruction_tuner.config.operation import gpu_of
from synthetic_instruction_tuner.errors import ConfigurationError


class Session:
    """Counts what a session has done against its budget.

    Args:
        budget: Minutes, samples and compute units a session may use.
        units_per_hour: What this machine costs; needed for a budget of compute units alone.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        budget: SessionConfig,
        units_per_hour: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget, self._rate, self._clock = budget, units_per_hour, clock
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
        return self._units_used_up(minutes)

    def _units_used_up(self, minutes: float) -> str | None:
        budget = self._budget.compute_units
        if budget is None or self._rate is None or minutes / 60 * self._rate < budget:
            return None
        return (
            f"session.compute_units={budget:g} used up: {minutes:.1f} minutes "
            f"at {self._rate:g} units an hour"
        )


def units_per_hour(devices: Sequence[str], prices: CostConfig) -> float:
    """Add up what this machine's devices cost an hour.

    Args:
        devices: Names of the GPUs as the driver gives them; ("cpu",) without one.
        prices: The table of rates.

    Raises:
        ConfigurationError: If a device has no rate: a guess would end a session too late.
    """
    known = prices.compute_units_per_hour
    found = [(device, gpu_of(device, prices)) for device in devices]
    for device, kind in found:
        if kind is None:
            raise ConfigurationError(
                f"session.compute_units: {device!r} has no rate in costs.compute_units_per_hour "
                f"(known: {', '.join(known)}); add one, for example --set "
                f"'costs.compute_units_per_hour={{{device}: 1.2}}', or use session.minutes"
            )
    return sum(known[kind] for _, kind in found if kind is not None)
