"""What all tasks share: cache key = artifact identity, JSON results, sensible retries.

The artifact in the workspace is the truth; Prefect's record of it only saves the call. Every
domain function returns at once when its artifact is already there and whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

from prefect import Task
from prefect.cache_policies import CacheKeyFnPolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.context import TaskRunContext

from blocks import HubCredentials, Workspace
from blocks.results import FOLDER, JsonResults, WorkspaceResults, register
from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.errors import StorageError, TunerError
from synthetic_instruction_tuner.storage import disk
from synthetic_instruction_tuner.storage.artifacts import Artifact, Manifest
from synthetic_instruction_tuner.storage.files import slug
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.session import Session, units_per_hour
from synthetic_instruction_tuner.study.workspace import (
    claim,
    default_root,
    lease,
    open_study,
    remember,
)
from tasks import errors_once, story
from tasks.gpu import device_names, one_gpu
from tasks.own_state import heed, taking_leave
from tasks.watching import watch

_storages: dict[Path, WorkspaceResults] = {}
_sessions: dict[Path, Session] = {}
_credentials: dict[Path, HubCredentials] = {}
Item = TypeVar("Item")
HUNG_SECONDS = 2 * 3600.0
"""When a step that waits for the Hub or a browser counts as hung; it is tried again."""
errors_once.install()


def cache_key(context: TaskRunContext, parameters: dict[str, Any]) -> str:
    """Return the identity of what the task makes, which its caller passes in."""
    return str(parameters["identity"])


def worth_retrying(one: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Tell passing faults (a drive that hiccups) from errors that a retry only repeats."""
    try:
        state.result()
    except StorageError as error:
        return error.passing
    except TunerError:
        return False
    except Exception:
        return True
    return False


def step(function: Callable[..., Any], seconds: float | None = None) -> Task[..., Any]:
    """Make a domain call a Prefect task of a study; whoever makes an artifact holds its claim.

    Args:
        function: The call.
        seconds: When it counts as hung, for work whose length depends on others: a network, a
            browser. Drawing, training and measuring take what they take.
    """

    @wraps(function)
    def claiming(config: StudyConfig, workspace: str, identity: str, *arguments: Any) -> Any:
        watch(config.name)
        with disk.named(Path(workspace)), claim(Path(workspace), identity):
            return function(config, workspace, identity, *arguments)

    return Task(
        claiming,
        timeout_seconds=seconds,
        retries=2,
        retry_delay_seconds=[5.0, 30.0],
        retry_condition_fn=worth_retrying,
        persist_result=True,
        result_serializer=JsonResults(),
        cache_policy=CacheKeyFnPolicy(cache_key_fn=cache_key),
        cache_result_in_memory=False,
    )


def call(one: Task[..., Any], study: Study, artifact: Artifact, *arguments: Any) -> Any:
    """Run a task for an artifact; a record whose artifact is gone or damaged does not count.

    Args:
        one: The task; its parameters are config, workspace, identity, then `arguments`.
        study: The study.
        artifact: What the task makes.
        *arguments: Further JSON values for the task.
    """
    heed()
    with one_gpu(artifact.stage):
        made = configured(one, study, artifact)(
            study.config, str(study.root), claim_name(artifact), *arguments
        )
    story.count(artifact)
    return made


def configured(one: Task[..., Any], study: Study, artifact: Artifact) -> Task[..., Any]:
    """Tell a task what it makes, and where Prefect's record of it belongs."""
    return one.with_options(
        task_run_name=artifact.name,
        refresh_cache=study.store.find(artifact) is None,
        result_storage=_storage(study.root),
    )


def claim_name(artifact: Artifact) -> str:
    """Return what tells this artifact from all others, as one path component."""
    return f"{slug(artifact.name)}-{artifact.identity}"


def _storage(root: Path) -> WorkspaceResults:
    """Register the workspace's records once a process."""
    if root not in _storages or not (root / FOLDER).exists():
        _storages[root] = register(root)
    return _storages[root]


def opened(config: StudyConfig, workspace: str) -> Study:
    """Bind settings to the workspace inside a task."""
    return Study(config, Path(workspace))


def summary(manifest: Manifest) -> dict[str, Any]:
    """Return the small JSON that Prefect keeps of an artifact."""
    return {
        "name": manifest.name,
        "identity": manifest.identity,
        "folder": str(manifest.folder),
        "seconds": manifest.seconds,
    }


@contextmanager
def working(
    config: StudyConfig,
    workspace: Workspace | str | None,
    credentials: HubCredentials | None = None,
) -> Iterator[Study]:
    """Open a study as its only writer; a flow inside a flow of the same study shares the lease."""
    watch(config.name)
    if credentials is not None:
        credentials.log_in()
    study = open_study(config, _root(config, workspace))
    if credentials is not None:
        _credentials[study.root] = credentials
    with taking_leave(), disk.named(study.root), lease(study.root):
        remember(study)
        outermost = study.root not in _sessions
        if outermost:
            _sessions[study.root] = begin_session(config)
        try:
            yield study
        finally:
            if outermost:
                del _sessions[study.root]
                _credentials.pop(study.root, None)


def credentials_of(study: Study) -> dict[str, Any] | None:
    """Refer to the block that a run was given, as a parameter of another run; never its content."""
    given = _credentials.get(study.root)
    if given is None or given._block_document_id is None:
        return None
    return {"$ref": {"block_document_id": str(given._block_document_id)}}


def begin_session(config: StudyConfig) -> Session:
    """Start to count against the session's budget.

    Raises:
        ConfigurationError: If it is one of compute units and this machine has no known rate.
    """
    rate = None
    if config.session.compute_units is not None:
        rate = units_per_hour(device_names(), config.costs)
    return Session(config.session, rate)


def _root(config: StudyConfig, workspace: Workspace | str | None) -> Path:
    if isinstance(workspace, Workspace):
        return workspace.folder()
    return Path(workspace) if workspace else default_root(config)


def within_budget(study: Study, pieces: Iterable[Item]) -> Iterator[Item]:
    """Yield pieces of work until the session's budget is used up."""
    for piece in pieces:
        if budget_used_up(study):
            return
        yield piece


def budget_used_up(study: Study) -> str | None:
    """Say which budget of the running session is used up, or None."""
    return _sessions[study.root].used_up


def count_samples(study: Study, samples: int) -> None:
    """Charge drawn samples to the running session."""
    _sessions[study.root].count(samples)
