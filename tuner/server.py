"""What `tuner deploy` brings to a Prefect server; every step can be run again without harm."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate, WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from synthetic_instruction_tuner.errors import ConfigurationError
from tasks.gpu import LIMIT
from tuner import deployment_file
from tuner.address import HELP

if TYPE_CHECKING:
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.deployments.runner import RunnerDeployment


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


def describe_pool(name: str) -> WorkPoolCreate:
    """Describe a pool as `prefect work-pool create` does, with the job template of its workers.

    To a pool without one the first worker that connects brings it. Of several that start at once
    SQLite refuses all but one ("database is locked"), and Prefect 3.8's server then waits for
    minutes for a lock that nobody gives back.
    """
    from prefect.workers.process import ProcessWorker

    template = ProcessWorker.get_default_base_job_template()
    return WorkPoolCreate(name=name, type="process", base_job_template=template)


def make_pool(client: SyncPrefectClient) -> None:
    """Make the work pool, unless it is there.

    Raises:
        ConfigurationError: If the server allows no pool of this kind.
    """
    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        try:
            client.create_work_pool(describe_pool(POOL))
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


def keeps_records_in_sqlite(client: SyncPrefectClient) -> bool:
    """Whether a server of one's own has not been given PostgreSQL, as far as it tells.

    It hides the address of its database, but not the driver (see `deployments/compose.yaml`).
    """
    found = _settings(client)
    return bool(found) and not str(found.get("database", {}).get("driver")).startswith("postgresql")


def _settings(client: SyncPrefectClient) -> dict[str, Any]:
    """Read the settings of a server; Prefect Cloud tells none."""
    try:
        found: dict[str, Any] = client.request("GET", "/admin/settings").json()["server"]
    except httpx.HTTPStatusError:
        return {}
    return found


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
