"""What a Prefect server knows of the studies: read through its API alone, from any machine."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    ArtifactFilter,
    ArtifactFilterFlowRunId,
    ArtifactFilterKey,
    ArtifactFilterType,
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun, StateType, WorkerStatus
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import ArtifactSort, FlowRunSort, LogSort
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, get_current_settings

from tasks.gpu import LIMIT
from tasks.naming import study_name
from tasks.watching import artifact_key
from tuner.remote_status import RemoteRun, RemoteSchedule, RemoteStatus, RemoteStudy
from tuner.server import POOL

ENDED_SHOWN = 3
"""Ended runs shown a study, newest first, beside all that are not ended."""
LOG_LINES = 3
MOST_RUNS = 200
DEPTH = 3
"""A study run has flows of stages below it, and filtering has generation below itself."""


def read_remote(client: SyncPrefectClient, study: str | None = None) -> RemoteStatus:
    """Ask a server about one study, or about all that have runs or schedules.

    Args:
        client: Of a server that answers (see `server.require`).
        study: Name of the study; all if not given.
    """
    found = Reader(client)
    runs = [one for one in found.runs if study in (None, study_of(one))]
    schedules = found.schedules(study)
    named = {study_of(one) for one in runs} | {name for name, _ in schedules}
    studies = [
        RemoteStudy(
            name=name,
            runs=[found.describe(one) for one in runs if study_of(one) == name],
            schedules=[one for of, one in schedules if of == name],
            report=found.report(name),
        )
        for name in sorted(named)
    ]
    return RemoteStatus(
        server=str(PREFECT_API_URL.value()),
        ui=found.ui,
        workers=found.workers,
        gpu=found.gpu,
        studies=studies,
        problems=found.problems(studies),
    )


def study_of(run: FlowRun) -> str:
    """Return the name of the study that a run is of."""
    return study_name(run.parameters) or run.name.partition(":")[0]


class Reader:
    """Reads a server once, with as few requests as that takes."""

    def __init__(self, client: SyncPrefectClient) -> None:
        self.client = client
        self.ui = str(get_current_settings().ui_url or "")
        self.workers = self._workers()
        self.gpu = self._gpu()
        self.runs = self._runs()
        self.deployments = self._deployments()
        self.flows = {one.id: one.name for one in client.read_flows(limit=MOST_RUNS)}

    def _workers(self) -> list[str] | None:
        try:
            self.client.read_work_pool(POOL)
        except ObjectNotFound:
            return None
        known = self.client.read_workers_for_work_pool(POOL)
        return sorted(one.name for one in known if one.status == WorkerStatus.ONLINE)

    def _gpu(self) -> tuple[float, int] | None:
        try:
            limit = self.client.read_global_concurrency_limit_by_name(LIMIT)
        except ObjectNotFound:
            return None
        return (limit.active_slots, limit.limit)

    def _runs(self) -> list[FlowRun]:
        """Read all runs that are under way or late, and the last ones that ended."""
        deployed = FlowRunFilterDeploymentId(is_null_=False)
        under_way = self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(deployment_id=deployed, state=_types(ended=False)),
            sort=FlowRunSort.EXPECTED_START_TIME_ASC,
            limit=MOST_RUNS,
        )
        ended = self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(deployment_id=deployed, state=_types(ended=True)),
            sort=FlowRunSort.END_TIME_DESC,
            limit=MOST_RUNS,
        )
        shown: dict[str, int] = {}
        for one in ended:
            shown[study_of(one)] = shown.get(study_of(one), 0) + 1
            if shown[study_of(one)] <= ENDED_SHOWN:
                under_way.append(one)
        now = datetime.now(timezone.utc)
        return [one for one in under_way if not _is_still_to_come(one, now)]

    def _deployments(self) -> dict[UUID, DeploymentResponse]:
        known: dict[UUID, DeploymentResponse] = {}
        while page := self.client.read_deployments(limit=MOST_RUNS, offset=len(known)):
            known |= {one.id: one for one in page}
        return known

    def schedules(self, study: str | None) -> list[tuple[str, RemoteSchedule]]:
        """Read the schedules as (study, schedule)."""
        found = []
        for one in self.deployments.values():
            for schedule in one.schedules:
                name = study_name(one.parameters | (schedule.parameters or {})) or one.name
                if study in (None, name):
                    found.append((name, self._schedule(one, schedule)))
        return found

    def _schedule(self, deployment: DeploymentResponse, schedule: Any) -> RemoteSchedule:
        timing = schedule.schedule
        when = getattr(timing, "cron", None) or f"every {getattr(timing, 'interval', timing)}"
        return RemoteSchedule(
            deployment=self._title(deployment),
            slug=schedule.slug or "",
            when=str(when),
            active=schedule.active and not deployment.paused,
            next_run=self._next(deployment.id) if schedule.active else None,
        )

    def _next(self, deployment: UUID) -> str | None:
        coming = self.client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
            ),
            sort=FlowRunSort.NEXT_SCHEDULED_START_TIME_ASC,
            limit=1,
        )
        return _time(coming[0].expected_start_time) if coming else None

    def _title(self, deployment: DeploymentResponse) -> str:
        return f"{self.flows.get(deployment.flow_id, '?')}/{deployment.name}"

    def describe(self, run: FlowRun) -> RemoteRun:
        """Read what a run and the runs below it show."""
        deployment = self.deployments.get(run.deployment_id) if run.deployment_id else None
        state = run.state
        family = self._family(run.id) if run.start_time else []
        return RemoteRun(
            id=str(run.id),
            name=run.name,
            flow=self.flows.get(run.flow_id, "?"),
            deployment=self._title(deployment) if deployment else "deleted",
            state=run.state_name or "Unknown",
            message=(state.message or "") if state else "",
            started=_time(run.start_time),
            seconds=round(run.estimated_run_time.total_seconds(), 1),
            waits_for=self._waits_for(run, deployment),
            progress=self._progress(family) if state and not state.is_final() else [],
            log=self._log(family),
            link=f"{self.ui}/runs/flow-run/{run.id}",
        )

    def _waits_for(self, run: FlowRun, deployment: DeploymentResponse | None) -> str | None:
        if run.state_name != "Late":
            return None
        if deployment is not None and deployment.work_pool_name is None:
            return "the process of `tuner serve`"
        return "a worker" if not self.workers else "a worker that has room"

    def _family(self, run: UUID) -> list[UUID]:
        """Return a run and the runs below it."""
        family = level = [run]
        for _ in range(DEPTH):
            below = FlowRunFilterParentFlowRunId(any_=level)
            found = self.client.read_flow_runs(
                flow_run_filter=FlowRunFilter(parent_flow_run_id=below), limit=MOST_RUNS
            )
            if not found:
                break
            level = [one.id for one in found]
            family = family + level
        return family

    def _progress(self, family: list[UUID]) -> list[str]:
        if not family:
            return []
        found = self.client.read_artifacts(
            artifact_filter=ArtifactFilter(
                flow_run_id=ArtifactFilterFlowRunId(any_=family),
                type=ArtifactFilterType(any_=["progress"]),
            ),
            sort=ArtifactSort.UPDATED_DESC,
            limit=1,
        )
        return [str(one.description) for one in found if float(str(one.data)) < 100]

    def _log(self, family: list[UUID]) -> list[str]:
        if not family:
            return []
        lines = self.client.read_logs(
            LogFilter(flow_run_id=LogFilterFlowRunId(any_=family)),
            limit=LOG_LINES,
            sort=LogSort.TIMESTAMP_DESC,
        )
        return [f"{one.timestamp:%H:%M:%S} {shorten(one.message)}" for one in reversed(lines)]

    def report(self, study: str) -> str | None:
        """Return the address of the newest report of a study, None while there is none."""
        found = self.client.read_artifacts(
            artifact_filter=ArtifactFilter(
                key=ArtifactFilterKey(any_=[artifact_key(f"{study}-report")])
            ),
            sort=ArtifactSort.CREATED_DESC,
            limit=1,
        )
        return f"{self.ui}/artifacts/artifact/{found[0].id}" if found else None

    def problems(self, studies: Iterable[RemoteStudy]) -> list[str]:
        """Say what keeps work from being done."""
        late = sum(run.waits_for == "a worker" for one in studies for run in one.runs)
        if self.workers is None:
            return [f"the server has no work pool {POOL!r}: run `tuner deploy`"]
        if self.workers:
            return []
        waiting = f"{late} late run{'s' * (late != 1)} will wait" if late else "runs would wait"
        return [
            f"no worker is online in work pool {POOL!r}: {waiting} until one starts "
            "(`bash deployments/worker.sh`, or the Colab notebook)"
        ]


def shorten(message: str) -> str:
    """Return the ends of a message of many lines: of a traceback what it says, not where."""
    lines = message.strip().splitlines()
    return f"{lines[0]} ... {lines[-1].strip()}" if len(lines) > 2 else message.strip()


def _types(ended: bool) -> FlowRunFilterState:
    final = {StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED, StateType.CRASHED}
    chosen = final if ended else set(StateType) - final
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=sorted(chosen)))


def _is_still_to_come(run: FlowRun, now: datetime) -> bool:
    start = run.expected_start_time
    return run.state_name == "Scheduled" and start is not None and start > now


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"
