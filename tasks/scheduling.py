"""A run that ends the schedule it came from."""

from __future__ import annotations

from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext


def pause_own_schedule() -> bool:
    """Pause the schedule that started this run; whoever wants it back switches it on in the UI.

    Returns:
        Whether there was one: a run that a person started has none.
    """
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    if run is None or run.deployment_id is None or run.created_by is None:
        return False
    if run.created_by.type != "SCHEDULE" or run.created_by.id is None:
        return False
    with get_client(sync_client=True) as client:
        client.update_deployment_schedule(run.deployment_id, run.created_by.id, active=False)
    return True
