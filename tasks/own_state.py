"""What the server says of the run that this process makes, where that is not true or not heard.

A worker that found no server for half a minute listens no more for "Cancel": Prefect then shows the
run as cancelled, and it would work on to its end. And a server that was away for minutes takes the
run, which could send it no heartbeat, for dead.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.events import emit_event
from prefect.exceptions import Abort, Pause
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelled, Running

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 30.0
"""How long the worker, which ends a run more gently, may take to do so."""
MESSAGE = "Cancelled; the run ended by itself, because its worker had not heard of it"
SUSPENDED = "tuner.flow-run.suspended"
"""Event: no heartbeat follows, and the run is not dead. Prefect's own event of that comes minutes
earlier, when somebody asks for it; the run first finishes what it is at."""
SILENT = "Silent"
"""Name of the state in which the server puts a run that sends no heartbeat, for a moment."""
ALIVE = "Alive: the server had only not heard of it for a while"

_cancelling_since: float | None = None


class Unheard(Abort):
    """Ends a run that was cancelled while its worker did not listen."""


@contextmanager
def asking_briefly(retries: int = 0) -> Iterator[None]:
    """Ask the server without minutes of retries: while it is away the work must not wait for it."""
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: retries}):
        yield


def heed() -> None:
    """End the run of this process if it is cancelled, and say that it lives if it counts as dead.

    To be called every now and then; a server that is away changes nothing.

    Raises:
        Unheard: If it is; files are closed and checkpoints written as after any exception.
    """
    run = os.environ.get("PREFECT__FLOW_RUN_ID")  # set where a worker started this process
    if run is None:
        return
    try:
        with asking_briefly(), get_client(sync_client=True) as client:
            state = client.read_flow_run(UUID(run)).state
            if _counts_as_dead(state):
                client.set_flow_run_state(UUID(run), Running(message=ALIVE), force=True)
    except httpx.HTTPError as error:
        logger.info("the server could not be asked about this run: %s", error)
        return
    if _is_due(state, time.monotonic()):
        raise Unheard(MESSAGE)


def _counts_as_dead(state: State | None) -> bool:
    """Whether the server has given this run up, let it wait for a worker, or begun it in vain."""
    if state is None:
        return False
    given_up = state.is_crashed() or state.name == SILENT
    return given_up or state.is_scheduled() or state.is_failed()


def _is_due(state: State | None, now: float) -> bool:
    """Whether to act on a state: at once on the final one, after a while on the wish alone."""
    global _cancelling_since
    if state is None or not (state.is_cancelling() or state.is_cancelled()):
        _cancelling_since = None
        return False
    if _cancelling_since is None:
        _cancelling_since = now
    return state.is_cancelled() or now - _cancelling_since >= PATIENCE_SECONDS


@contextmanager
def taking_leave() -> Iterator[None]:
    """Tell the server of a flow, or of a flow inside it, that it was cancelled or suspended."""
    try:
        yield
    except Unheard as error:
        if own := _own_run():
            state: State[None] = Cancelled(message=MESSAGE)
            with get_client(sync_client=True) as client:
                client.set_flow_run_state(own.id, state, force=True)
            error.state = state  # type: ignore[attr-defined]  # what Prefect's engine reports
        raise
    except Pause:
        if own := _own_run():
            resource = {"prefect.resource.id": f"prefect.flow-run.{own.id}"}
            emit_event(SUSPENDED, resource=resource)
        raise


def _own_run() -> FlowRun | None:
    context = FlowRunContext.get()
    return context.flow_run if context else None
