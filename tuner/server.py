"""What `tuner deploy` brings to a Prefect server; every step can be run again without harm."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import Any
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

from synthetic_instruction_tuner.errors import ConfigurationError, TunerError
from tasks.gpu import LIMIT
from tasks.own_state import SUSPENDED
from tuner import deployment_file

ENDS = ("Completed", "Failed", "Cancelled", "Crashed", "Suspended", "Paused")
SILENCE = timedelta(seconds=240)
"""Silence after which a run counts as dead: eight heartbeats (see `deployment_file.ENVIRONMENT`).
A server that is restarted, or away for a minute, hears of nobody for two."""
HELP = "start one with `prefect server start` and set PREFECT_API_URL=http://127.0.0.1:4200/api"

Schedules = dict[tuple[str, str], Any]
"""The schedules on the server by deployment ("flow/name") and slug."""


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
        client.read_work_pool(deployment_file.POOL)
    except ObjectNotFound:
        pool = WorkPoolCreate(name=deployment_file.POOL, type="process")
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
    try:
        settings = client.request("GET", "/admin/settings").json()
    except httpx.HTTPStatusError:
        return False
    return str(settings["server"]["concurrency"]["lease_storage"]).endswith(".memory")


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


def register_deployments(names: Collection[str], file: Path) -> None:
    """Bring deployments to the server with Prefect's own command.

    Args:
        names: "function/name" of each (see `deployment_file.selector`).
        file: The deployment file.

    Raises:
        TunerError: With Prefect's own words if it refuses.
    """
    command = [
        sys.executable,
        "-m",
        "prefect",
        "--no-prompt",
        "deploy",
        "--prefect-file",
        str(file),
    ]
    for name in names:
        command += ["--name", name]
    done = subprocess.run(
        command,
        cwd=deployment_file.ROOT,
        env=os.environ | {"PREFECT_API_URL": str(PREFECT_API_URL.value())},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise TunerError(f"`prefect deploy` failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")


def require_deployed(client: SyncPrefectClient, names: Collection[str]) -> None:
    """Make sure that every deployment ("flow/name") is there: Prefect skips what it cannot match.

    Raises:
        TunerError: Names those that are missing.
    """
    missing = []
    for name in names:
        try:
            client.read_deployment_by_name(name)
        except ObjectNotFound:
            missing.append(name)
    if missing:
        raise TunerError(f"`prefect deploy` left out {', '.join(missing)}")


def read_schedules(client: SyncPrefectClient, names: Collection[str]) -> Schedules:
    """Read the schedules of some deployments; those that are not there have none."""
    found: Schedules = {}
    for name in names:
        try:
            deployment = client.read_deployment_by_name(name)
        except ObjectNotFound:
            continue
        for one in deployment.schedules:
            found[name, one.slug or str(one.id)] = one
    return found


def settle_schedules(
    client: SyncPrefectClient,
    before: Schedules,
    after: Schedules,
    wanted: Collection[tuple[str, str]],
) -> None:
    """Pause new schedules and remove those that left the file.

    Work starts when somebody says so, not because of a deployment; and Prefect itself keeps
    whatever once was scheduled.
    """
    for key, one in after.items():
        if key not in wanted:
            client.delete_deployment_schedule(one.deployment_id, one.id)
        elif key not in before:
            client.update_deployment_schedule(one.deployment_id, one.id, active=False)
