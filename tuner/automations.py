"""What a Prefect server does by itself about runs: notices dead machines, goes on, tells people.

An automation acts on what it heard, and a server that is busy loses events now and then. So each
proposes a state that Prefect's own rules accept only from the state that is meant: a run that
has ended or was suspended stays what it is, whatever was lost.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from prefect.automations import EventTrigger, Posture
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore

from synthetic_instruction_tuner.study.stages import STAGES
from tasks.own_state import SILENT, SUSPENDED
from tuner import deployment_file

ENDS = ("Completed", "Failed", "Cancelled", "Crashed", "Suspended", "Paused", SILENT)
SILENCE = timedelta(minutes=5)
"""Silence after which a run counts as dead: ten heartbeats (see `prefect.yaml`).
A server that is restarted, or away for a minute, hears of nobody for two; and an event that comes
less than five minutes after the state before it waits a quarter of an hour for the event of that
one, where a restarted server has forgotten it."""
LIVES = 10
"""How often a run is begun at most; what dies so often does not die of its machine."""
RUN = "prefect.flow-run"


def standing() -> list[AutomationCore]:
    """Return the automations that every server gets, as long as `SILENCE` is now."""
    return [_silent_runs(), _dead_runs(), _next_sessions(), _expired_suspensions()]


def _silent_runs() -> AutomationCore:
    """Notice what a Colab VM leaves behind when it goes.

    Prefect pauses only runs that are running, but would turn a suspended run into a crashed one.
    """
    heartbeat = f"{RUN}.heartbeat"
    return AutomationCore(
        name="tuner: runs that fell silent",
        description="A run that sends no heartbeat any more; if it is still called running, its "
        "machine is gone.",
        trigger=EventTrigger(
            match={"prefect.resource.id": [f"{RUN}.*"]},  # type: ignore[arg-type]
            for_each={"prefect.resource.id"},
            after={heartbeat},
            expect={heartbeat, SUSPENDED, *(f"{RUN}.{one}" for one in ENDS)},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.PAUSED, name=SILENT, message="No sign of life from its machine"
            )
        ],
    )


def _dead_runs() -> AutomationCore:
    return AutomationCore(
        name="tuner: runs of dead machines are Crashed",
        description="Ends what fell silent while it was running.",
        trigger=_when(SILENT),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message="No sign of life from its machine; what was finished is in the workspace",
            )
        ],
    )


def _next_sessions() -> AutomationCore:
    """Begin a crashed run again; Prefect refuses that for runs that no deployment started."""
    return AutomationCore(
        name="tuner: crashed runs go on",
        description=f"The next free worker begins a crashed run again, up to {LIVES} times.",
        trigger=_when(
            "Crashed",
            labels={"prefect.run-count": [str(lived) for lived in range(1, LIVES)]},
            flows=["study", deployment_file.SCHEDULED, *STAGES],
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.SCHEDULED,
                name="AwaitingRetry",
                message="Its machine or process died; the next free worker goes on with it",
            )
        ],
    )


def _expired_suspensions() -> AutomationCore:
    """Call what nobody resumed by its name: Prefect says that it failed, and not what to do."""
    return AutomationCore(
        name="tuner: suspended and not resumed",
        description="A run that was suspended for longer than its dialog said is cancelled.",
        trigger=_when(
            "Failed", labels={"prefect.state-message": ["The flow was * never resumed."]}
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CANCELLED,
                message="Suspended, and not resumed within the time that was set then. Nothing is "
                "lost: start a new run on the same workspace, it goes on from there",
            )
        ],
    )


def notification(block: UUID) -> AutomationCore:
    """Tell people through a notification block when a study's run ends, well or not."""
    return AutomationCore(
        name="tuner: a run ended",
        description="Sends one message a run that ended.",
        trigger=_when("Completed", "Failed", "Crashed", flows=["study", deployment_file.SCHEDULED]),
        actions=[
            SendNotification(
                block_document_id=block,
                subject="{{ flow_run.name }}: {{ flow_run.state.name }}",
                body="{{ flow.name }} {{ flow_run.name }} is {{ flow_run.state.name }}: "
                "{{ flow_run.state.message }}\n{{ flow_run|ui_url }}",
            )
        ],
    )


def _when(
    *states: str, labels: dict[str, list[str]] | None = None, flows: list[str] | None = None
) -> EventTrigger:
    """React to runs that enter a state, perhaps of these flows or with these labels alone."""
    related = {"prefect.resource.role": "flow", "prefect.resource.name": flows} if flows else {}
    return EventTrigger(
        match={"prefect.resource.id": f"{RUN}.*"} | (labels or {}),  # type: ignore[arg-type]
        match_related=related,  # type: ignore[arg-type]
        expect={f"{RUN}.{one}" for one in states},
        posture=Posture.Reactive,
        threshold=1,
    )


def make(client: SyncPrefectClient, wanted: AutomationCore) -> None:
    """Make or update an automation; one that was disabled in the UI stays so.

    One that is as it should be is left alone: an update makes Prefect forget which runs it waits
    for, and those that died just before would count as running for ever.
    """
    found = client.read_automations_by_name(wanted.name)
    if not found:
        client.create_automation(wanted)
        return
    wanted.enabled = found[0].enabled
    if wanted != AutomationCore.model_validate(
        found[0].model_dump(include=set(AutomationCore.model_fields))
    ):
        client.update_automation(found[0].id, wanted)
