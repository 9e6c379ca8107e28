"""How a run ends whose lease is another's: what it has started first, then itself, and surely."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import cast

logger = logging.getLogger(__name__)

GRACE_SECONDS = 15.0
"""How long a run that lost its lease may take to end by itself before it is ended."""
LOST = 130
"""Exit status of a run that had to be ended, as of one that was interrupted."""

_endings: list[Callable[[], None]] = []
"""What ends the processes that this one has started to work in a workspace."""


def stop(ended: threading.Event) -> None:
    """End this run: its lease is another's. What it has started goes first, and writes no more.

    A signal to the main thread interrupts what blocks there, too. Whatever goes on nevertheless is
    ended hard.
    """
    for end in list(_endings):
        end()
    signal.pthread_kill(cast(int, threading.main_thread().ident), signal.SIGINT)
    if ended.wait(GRACE_SECONDS):
        return
    logger.critical("the lease was lost and the run does not end by itself: it is ended here")
    import psutil

    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.kill()
    os._exit(LOST)


@contextmanager
def ended_with_lease(end: Callable[[], None]) -> Iterator[None]:
    """Call something as soon as this process loses a lease, from another thread."""
    _endings.append(end)
    try:
        yield
    finally:
        _endings.remove(end)
