"""The helper flow: what every free worker of the pool does while a run leads a study."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from blocks import HubCredentials
from blocks.choice import WholeStudy
from tasks.helpers import help_out, join
from tasks.own_state import taking_leave


@flow(name="helper")
def helper(
    config: WholeStudy,
    workspace: str,
    leader: str,
    pieces: list[dict[str, Any]],
    credentials: HubCredentials | None = None,
) -> State[None]:
    """Make pieces of a study that another run leads; that run starts it, nobody else.

    Args:
        config: The study.
        workspace: Its folder, as the machine of the leading run sees it.
        leader: Token of that run's lease.
        pieces: What may be made: kind, arguments and claim of each.
        credentials: Hugging Face token for gated models; the worker's own if not given.

    Returns:
        Completed; its message says how many pieces were made here.
    """
    if credentials is not None:
        credentials.log_in()
    study, wanted = join(config, workspace, leader, pieces)
    with taking_leave():
        made = help_out(study, wanted, leader)
    return Completed(message=f"{made} of {len(wanted)} pieces made here")
