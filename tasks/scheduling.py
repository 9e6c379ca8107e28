"""A run that knows the schedule it came from: ends it, and skips what fell due meanwhile."""

from __future__ import annotations

import logging
from datetime import datetime, timezone

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.context import FlowRunContext
from prefect.states import Cancelled

logger = logging.getLogger(__name__)


def pause_own_schedule() -> bool:
    """Pause the schedule that started this run; whoever wants it back switches it on in the UI.

    Returns:
        Whether there was one: a run that a person started has none.
    """
    run = _own_run()
    if run is None or run.deployment_id is None or run.created_by is None:
        return False
    if run.created_by.type != "SCHEDULE" or run.created_by.id is None:
        return False
    with get_client(sync_client=True) as client:
        client.update_deployment_schedule(run.deployment_id, run.created_by.id, active=False)
    return True


def skip_overdue() -> int:
    """Cancel the runs of the same deployment that its schedule wanted by now.

    This run does for all of them. The limit of one run a deployment does not see them: a worker
    that has no room leaves them waiting, and would do them one after the other.

    Returns:
        How many there were; those that a person asked for are left alone.
    """
    own = _own_run()
    if own is None or own.deployment_id is None:
        return 0
    try:
        return _cancel_overdue(own)
    except httpx.HTTPError as error:  # the work goes on while the server is away
        logger.warning("runs that fell due meanwhile could not be cancelled: %s", error)
        return 0


def _cancel_overdue(own: FlowRun) -> int:
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
    due = FlowRunFilter(
        deployment_id=FlowRunFilterDeploymentId(any_=[own.deployment_id]),
        state=state,
        expected_start_time=FlowRunFilterExpectedStartTime(before_=datetime.now(timezone.utc)),
    )
    with get_client(sync_client=True) as client:
        found = [one for one in client.read_flow_runs(flow_run_filter=due) if one.auto_scheduled]
        for one in found:
            client.set_flow_run_state(
                one.id, Cancelled(message=f"Due, but run {own.name!r} does for it")
            )
    return len(found)


def _own_run() -> FlowRun | None:
    context = FlowRunContext.get()
    return context.flow_run if context else None
