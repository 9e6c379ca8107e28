"""Asynchronous work under a synchronous caller, who can leave it at any moment."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import suppress
from typing import Generic, TypeVar

Item = TypeVar("Item")

_LOOK = 0.5
"""Seconds between looks whether the caller was interrupted; Windows wakes nobody who waits."""
_GRACE = 1.0
"""Seconds that work which was cancelled gets to end by itself."""


class _Ended(Generic[Item]):
    """The end of the work: its error, or None."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def in_background(
    work: Callable[[Callable[[Item], None]], Coroutine[object, object, None]],
) -> Generator[Item, None, None]:
    """Run a coroutine on a thread of its own and yield what it hands over, as it comes.

    Closing the iterator cancels the work and waits a second for it at most.

    Args:
        work: Takes the function that hands things over.

    Raises:
        BaseException: What the work ended with.
    """
    results: queue.SimpleQueue[Item | _Ended[Item]] = queue.SimpleQueue()
    loop = asyncio.new_event_loop()
    task = loop.create_task(work(results.put))
    thread = threading.Thread(target=_run, args=(loop, task, results.put), daemon=True)
    thread.start()
    try:
        while True:
            try:
                result = results.get(timeout=_LOOK)
            except queue.Empty:
                continue
            if isinstance(result, _Ended):
                if result.error is not None:
                    raise result.error
                return
            yield result
    finally:
        if thread.is_alive():
            with suppress(RuntimeError):  # the loop closed a moment ago: the work has ended
                loop.call_soon_threadsafe(task.cancel)
        thread.join(_GRACE)


def _run(
    loop: asyncio.AbstractEventLoop,
    task: asyncio.Task[None],
    put: Callable[[_Ended[object]], None],
) -> None:
    error: BaseException | None = None
    try:
        loop.run_until_complete(task)
    except BaseException as problem:
        error = problem
    try:
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        put(_Ended(error))
        loop.close()
