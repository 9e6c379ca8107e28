"""One stage, many workers: the run that leads starts helpers, and all take pieces in turn.

Nobody hands out work. Whoever is free takes the first piece that nobody has claimed, so a fast
machine makes more of them, and what a dead one had claimed is taken by another.
"""

from __future__ import annotations

import logging
import platform
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.deployments import run_deployment
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.errors import ConfigurationError, WorkspaceError
from synthetic_instruction_tuner.inspection.status import is_there
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.workspace import (
    default_root,
    is_led,
    lease,
    read_study_file,
    try_claim,
)
from tasks.own_state import asking_briefly
from tasks.pieces import Piece, name_pieces, resolve
from tasks.step import budget_used_up, call, count_samples, credentials_of
from tasks.watching import watch

logger = logging.getLogger(__name__)

DEPLOYMENT = "helper/any"
"""The deployment that helpers are runs of; `tuner deploy` makes it."""
POLL_SECONDS = 2.0
CHECK_SECONDS = 15.0
"""Time between two looks at the helpers' runs: a hosted server counts requests."""
FIND_SECONDS = 60.0
"""How long a helper waits for a shared drive to show it the leader's lease."""
STRAGGLER, STRAGGLER_SECONDS = 3.0, 60.0
"""A piece that takes so many times the longest one made here, and so long, is made here, too."""


def require() -> None:
    """Refuse to go on where no helper can be started.

    Raises:
        ConfigurationError: If the server does not have the helpers' deployment.
    """
    try:
        with get_client(sync_client=True) as client:
            client.read_deployment_by_name(DEPLOYMENT)
    except ObjectNotFound as error:
        raise ConfigurationError(
            f"runner.kind='workers': the server has no deployment {DEPLOYMENT!r}; run "
            "`tuner deploy` and start workers, or set runner.kind='local'"
        ) from error


def lead(study: Study, pieces: Sequence[Piece]) -> None:
    """Make pieces together with helpers; returns when all are there or the budget is used up."""
    left = _missing(study, pieces)
    count = min(study.config.runner.parallel, len(left)) - 1
    with lease(study.root) as token:
        helpers = Helpers(study, token, count)
        longest: float | None = None
        try:
            while left and not budget_used_up(study):
                helpers.look_after(left)
                took = _take_turn(study, left, longest)
                if took is None:
                    time.sleep(POLL_SECONDS)
                longest = max(took or 0.0, longest or 0.0) or None
                before, left = left, _missing(study, left)
                count_samples(study, sum(one.samples for one in before if one not in left))
        finally:
            helpers.dismiss()


def help_out(study: Study, pieces: Sequence[Piece], leader: str) -> int:
    """Make pieces as long as the leader is there and some are free; return how many."""
    made = 0
    while is_led(study.root, leader):
        if _take_turn(study, _missing(study, pieces), None) is None:
            break  # the rest is claimed; if a claim ends, the leader takes it
        made += 1
    return made


def _missing(study: Study, pieces: Sequence[Piece]) -> list[Piece]:
    return [one for one in pieces if not is_there(study, one.artifact)]


def _take_turn(study: Study, left: Sequence[Piece], longest: float | None) -> float | None:
    """Make the first piece that nobody else makes; return its seconds, None if there is none."""
    straggling = max(STRAGGLER * longest, STRAGGLER_SECONDS) if longest else None
    for patience in (None, straggling) if straggling else (None,):
        for piece in left:
            if patience is not None and not piece.may_race:
                continue
            taken = try_claim(study.root, piece.claim, patience)
            if taken is None:
                continue
            with taken:
                started = time.monotonic()
                if not is_there(study, piece.artifact):
                    call(piece.task, study, piece.artifact, *piece.arguments)
                return time.monotonic() - started
    return None


class Helpers:
    """The runs that help one leader.

    Args:
        study: The study.
        leader: Token of the leader's lease: helpers work as long as it is there.
        count: How many there shall be.
    """

    def __init__(self, study: Study, leader: str, count: int) -> None:
        self._study, self._leader, self._count = study, leader, count
        self._runs: list[UUID] = []
        self._chances = 3 * count
        self._next = time.monotonic()

    def look_after(self, left: Sequence[Piece]) -> None:
        """Start the helpers that are not there yet or have crashed, if there is work for them."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + CHECK_SECONDS
        try:
            with asking_briefly(retries=2):  # a busy database refuses once
                self._replace_crashed(left)
        except httpx.HTTPError as error:  # the leader works on while the server is away
            logger.warning("helpers could not be looked after: %s", error)

    def _replace_crashed(self, left: Sequence[Piece]) -> None:
        gone = [one for one in self._read() if one.state_type == StateType.CRASHED]
        self._runs = [one for one in self._runs if one not in {run.id for run in gone}]
        wanted = min(self._count, len(left) - 1) - len(self._runs)
        for _ in range(min(wanted, self._chances)):
            self._start(left)

    def dismiss(self) -> None:
        """Cancel the runs that no worker has taken; the others end with their piece."""
        waiting = (StateType.SCHEDULED, StateType.PENDING)
        with suppress(httpx.HTTPError):
            for one in [run for run in self._read() if run.state_type in waiting]:
                with get_client(sync_client=True) as client:
                    client.set_flow_run_state(one.id, Cancelled(message="No help needed any more"))

    def _start(self, left: Sequence[Piece]) -> None:
        self._chances -= 1
        name = f"{self._study.config.name}: helper {3 * self._count - self._chances}"
        run = run_deployment(  # sync where no event loop runs, as here
            DEPLOYMENT,
            parameters={
                "config": self._study.config.model_dump(mode="json"),
                "workspace": str(self._study.root),
                "leader": self._leader,
                "pieces": name_pieces(left),
                "credentials": credentials_of(self._study),
            },
            flow_run_name=name,
            timeout=0,
        )
        self._runs.append(cast(FlowRun, run).id)

    def _read(self) -> list[FlowRun]:
        if not self._runs:
            return []
        chosen = FlowRunFilter(id=FlowRunFilterId(any_=self._runs))
        with get_client(sync_client=True) as client:
            return client.read_flow_runs(flow_run_filter=chosen)


def join(
    config: StudyConfig, workspace: str, leader: str, pieces: Sequence[dict[str, Any]]
) -> tuple[Study, list[Piece]]:
    """Open the leader's workspace on this machine and find the pieces it asks for.

    Raises:
        WorkspaceError: If this machine does not see that workspace.
        ConfigurationError: If this machine would make something else under these names.
    """
    watch(config.name)
    study = Study(config, _find(config, Path(workspace), leader))
    found = resolve(study, pieces)
    if [one.claim for one in found] != [one["claim"] for one in pieces]:
        raise ConfigurationError(
            f"{platform.node()} would make other data than the run it should help: it has another "
            "version of the project, or other models or files under the same names"
        )
    return study, found


def _find(config: StudyConfig, named: Path, leader: str) -> Path:
    """Find the folder that carries the leader's lease; it may be mounted elsewhere here."""
    candidates = (named, default_root(config).expanduser().resolve())
    deadline = time.monotonic() + FIND_SECONDS
    while True:
        for root in candidates:
            if is_led(root, leader):
                return root
        if time.monotonic() >= deadline:
            break
        time.sleep(POLL_SECONDS)
    for root in candidates:
        if (read_study_file(root) or {}).get("name") == config.name:
            return root  # the leader has left: there is nothing to do
    raise WorkspaceError(
        f"{platform.node()} sees the workspace neither as {named} nor as {candidates[1]}; helpers "
        "need the same folder (set TUNER_WORKSPACES to its parent here)"
    )
