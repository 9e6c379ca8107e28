"""What `tuner deploy` brings to a Prefect server; every step can be run again without harm."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import UUID

import httpx
from prefect.automations import EventTrigger, Posture
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from synthetic_instruction_tuner.errors import ConfigurationError
from tasks.gpu import LIMIT
from tasks.own_state import SUSPENDED
from tuner import deployment_file
from tuner.address import HELP

if TYPE_CHECKING:
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.deployments.runner import RunnerDeployment

ENDS = ("Completed", "Failed", "Cancelled", "Crashed", "Suspended", "Paused")
SILENCE = timedelta(seconds=240)
"""Silence after which a run counts as dead: eight heartbeats (see `prefect.yaml`).
A server that is restarted, or away for a minute, hears of nobody for two."""

POOL = "tuner"
"""The work pool of all deployments (see `prefect.yaml`)."""
PAGE = 200
"""Most that a server lists at once."""
Listed = TypeVar("Listed")


def require(client: SyncPrefectClient) -> None:
    """Refuse to go on without a server that answers.

    Raises:
        ConfigurationError: Says what is missing: the address, the server or the key.
    """
    address = PREFECT_API_URL.value()
    if not address:
        raise ConfigurationError(f"no Prefect server is configured; {HELP}")
    try:
        client.read_work_pools(limit=1)
    except httpx.HTTPStatusError as error:
        code = error.response.status_code
        advice = "check PREFECT_API_AUTH_STRING (self-hosted) or PREFECT_API_KEY (Cloud)"
        reason = f"refuses the key; {advice}" if code in (401, 403) else f"answers {code}"
        raise ConfigurationError(f"the Prefect server at {address} {reason}") from error
    except httpx.HTTPError as error:
        raise ConfigurationError(
            f"no Prefect server answers at {address} ({error}); {HELP}"
        ) from error


def make_pool(client: SyncPrefectClient) -> None:
    """Make the work pool, unless it is there.

    Raises:
        ConfigurationError: If the server allows no pool of this kind.
    """
    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        pool = WorkPoolCreate(name=POOL, type="process")
        try:
            client.create_work_pool(pool)
        except httpx.HTTPStatusError as error:
            raise ConfigurationError(
                f"the server refuses a process work pool ({error.response.text}); Prefect Cloud's "
                "free tier has managed pools only: use `tuner serve`, which needs no pool, or a "
                "server of your own (docs/operate.md)"
            ) from error


def make_gpu_limit(client: SyncPrefectClient) -> None:
    """Make the limit of one task on the GPU, unless it is there: its size may have been changed."""
    try:
        client.read_global_concurrency_limit_by_name(LIMIT)
    except ObjectNotFound:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=LIMIT, limit=1))


def slots_in_memory(client: SyncPrefectClient) -> bool:
    """Whether a restart of this server would lose track of who holds the GPU's slot.

    Then a slot that is held at that moment is never given back. Prefect Cloud does not say.
    """
    storage = _settings(client).get("concurrency", {}).get("lease_storage", "")
    return str(storage).endswith(".memory")


def _settings(client: SyncPrefectClient) -> dict[str, Any]:
    """Read the settings of a server; Prefect Cloud tells none."""
    try:
        found: dict[str, Any] = client.request("GET", "/admin/settings").json()["server"]
    except httpx.HTTPStatusError:
        return {}
    return found


def dead_run_automation() -> AutomationCore:
    """Turn runs that fell silent into Crashed: what a Colab VM leaves behind when it goes."""
    heartbeat = "prefect.flow-run.heartbeat"
    return AutomationCore(
        name="tuner: runs of dead machines are Crashed",
        description="A run that sends no heartbeat any more; its study goes on with the next run.",
        trigger=EventTrigger(
            match={"prefect.resource.id": ["prefect.flow-run.*"]},  # type: ignore[arg-type]
            for_each={"prefect.resource.id"},
            after={heartbeat},
            expect={heartbeat, SUSPENDED, *(f"prefect.flow-run.{one}" for one in ENDS)},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                message="No sign of life from its machine; the next run goes on from the workspace",
            )
        ],
    )


def notification_automation(block: UUID) -> AutomationCore:
    """Tell people through a notification block when a study's run ends, well or not."""
    return AutomationCore(
        name="tuner: a run ended",
        description="Sends one message a run that ended.",
        trigger=EventTrigger(
            match_related={  # type: ignore[arg-type]
                "prefect.resource.role": "flow",
                "prefect.resource.name": ["study", deployment_file.SCHEDULED],
            },
            match={"prefect.resource.id": "prefect.flow-run.*"},  # type: ignore[arg-type]
            expect={f"prefect.flow-run.{one}" for one in ("Completed", "Failed", "Crashed")},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[
            SendNotification(
                block_document_id=block,
                subject="{{ flow_run.name }}: {{ flow_run.state.name }}",
                body="{{ flow.name }} {{ flow_run.name }} is {{ flow_run.state.name }}: "
                "{{ flow_run.state.message }}\n{{ flow_run|ui_url }}",
            )
        ],
    )


def make_automation(client: SyncPrefectClient, wanted: AutomationCore) -> None:
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


def find_notifier(client: SyncPrefectClient, name: str) -> UUID:
    """Find a notification block by "type/name".

    Raises:
        ConfigurationError: If there is no such block.
    """
    kind, _, block = name.partition("/")
    try:
        return client.read_block_document_by_name(block, kind).id
    except ObjectNotFound as error:
        raise ConfigurationError(
            f"--notify {name!r}: no such block; write it as type/name, for example "
            "slack-webhook/lab, after making it in the UI under Blocks"
        ) from error


class Brought(NamedTuple):
    """How many deployments were made, changed, and left alone."""

    made: int
    changed: int
    kept: int


def known(client: SyncPrefectClient) -> dict[str, DeploymentResponse]:
    """Read all deployments of a server by "flow/name", with few requests: Cloud counts them."""
    flows = {one.id: one.name for one in _everything(client.read_flows)}
    found = _everything(client.read_deployments)
    return {f"{flows.get(one.flow_id, '?')}/{one.name}": one for one in found}


def _everything(read: Callable[..., list[Listed]]) -> list[Listed]:
    found: list[Listed] = []
    while page := read(limit=PAGE, offset=len(found)):
        found += page
        if len(page) < PAGE:
            break
    return found


def bring(
    client: SyncPrefectClient,
    wanted: Collection[RunnerDeployment],
    there: Mapping[str, DeploymentResponse],
) -> Brought:
    """Make deployments, or change those that are not as they should be.

    A schedule that was switched on or off in the UI stays so; one that is not wanted any more is
    removed, because Prefect itself keeps whatever once was scheduled.

    Args:
        client: Of the server.
        wanted: What there shall be.
        there: What there is (see `known`).
    """
    made = changed = kept = 0
    for one in wanted:
        found = there.get(one.full_name)
        if found is None:
            one.apply(work_pool_name=one.work_pool_name)
            made += 1
            continue
        if deployment_file.is_as_built(found, one):
            kept += 1
            continue
        slugs = {schedule.slug for schedule in one.schedules or []}
        for old in found.schedules:
            if old.slug not in slugs:
                client.delete_deployment_schedule(found.id, old.id)
        one.schedules = _without_state(one.schedules or [], {old.slug for old in found.schedules})
        one.apply(work_pool_name=one.work_pool_name)
        changed += 1
    return Brought(made, changed, kept)


def _without_state(schedules: Collection[Any], known: Collection[str | None]) -> list[Any]:
    """Leave it to the server whether schedules that it knows are switched on."""
    from prefect.client.schemas.actions import DeploymentScheduleUpdate

    return [
        DeploymentScheduleUpdate(
            schedule=one.schedule, slug=one.slug, parameters=one.parameters or {}
        )
        if one.slug in known
        else one
        for one in schedules
    ]


def left_over(
    wanted: Collection[RunnerDeployment], there: Mapping[str, DeploymentResponse]
) -> list[str]:
    """Name the deployments of the pool that nobody asks for, as "flow/name"."""
    ours = {title for title, one in there.items() if one.work_pool_name == POOL}
    return sorted(ours - {one.full_name for one in wanted})


def is_cloud() -> bool:
    """Whether the server that is configured is Prefect Cloud."""
    return "prefect.cloud" in str(PREFECT_API_URL.value() or "")
