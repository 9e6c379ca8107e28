"""A clock of one module's own.

To patch `time.monotonic` itself turns the clock of all threads, also of those that earlier tests
left at work: the event loop of a Prefect client dies of it, or takes the ticks that a test counts.
"""

import time
from types import SimpleNamespace


def turn(monkeypatch, module, **functions):
    """Let a module that uses `time` see other functions of it, and nobody else."""
    monkeypatch.setattr(module, "time", SimpleNamespace(**vars(time) | functions))
