"""`prefect.yaml` at the project's root: one deployment a flow."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner import __version__
from synthetic_instruction_tuner.config import yaml_text
from synthetic_instruction_tuner.errors import ConfigurationError

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.deployments.runner import RunnerDeployment

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "prefect.yaml"
SCHEDULED = "generation-scheduled"


def read(file: Path = FILE) -> dict[str, Any]:
    """Read a deployment file as Prefect does.

    Raises:
        ConfigurationError: If it is not there, or no mapping.
    """
    if not file.is_file():
        raise ConfigurationError(f"{file} does not exist; run this from a checkout of the project")
    try:
        content = yaml_text.parse(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigurationError(f"{file} is not readable YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigurationError(f"{file} must hold a mapping, got {type(content).__name__}")
    return content


def environment() -> dict[str, str]:
    """Return what the process of every run is given."""
    (entry, *_) = read()["deployments"]
    found: dict[str, str] = entry["work_pool"]["job_variables"]["env"]
    return found


def flow_of(entry: dict[str, Any]) -> Flow[..., Any]:
    """Import the flow that a deployment runs."""
    path, _, function = str(entry["entrypoint"]).partition(":")
    module = importlib.import_module(path.removesuffix(".py").replace("/", "."))
    flow: Flow[..., Any] = getattr(module, function)
    return flow


class _Pulled:
    """Where workers find the code: what the file says under `pull`."""

    pull_interval = None
    destination = ROOT

    def __init__(self, steps: list[dict[str, Any]]) -> None:
        self._steps = steps

    def set_base_path(self, path: Path) -> None:
        """Nothing is copied."""

    async def pull_code(self) -> None:
        """Nothing is copied."""

    def to_pull_step(self) -> list[dict[str, Any]]:
        """Return the steps."""
        return self._steps

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Pulled) and other._steps == self._steps


def build(entry: dict[str, Any], pull: list[dict[str, Any]]) -> RunnerDeployment:
    """Make a deployment of an entry of the file; its schedules are new ones, switched off.

    Args:
        entry: One of `deployments`.
        pull: The file's `pull` steps.
    """
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.schedules import Cron

    limit = entry.get("concurrency_limit")
    pool = entry["work_pool"]
    made: RunnerDeployment = flow_of(entry).to_deployment(  # type: ignore[assignment]
        entry["name"],
        version=__version__,
        tags=entry["tags"],
        description=entry["description"],
        parameters=entry.get("parameters") or {},
        work_pool_name=pool["name"],
        job_variables=pool["job_variables"],
        concurrency_limit=ConcurrencyLimitConfig(**limit) if limit else None,
        schedules=[
            Cron(
                one["cron"],
                timezone=one["timezone"],
                slug=one["slug"],
                parameters=one.get("parameters") or {},
                active=False,
            )
            for one in entry.get("schedules", [])
        ],
    )
    made.entrypoint = entry["entrypoint"]
    made.storage = _Pulled(pull)
    return made


def is_as_built(found: DeploymentResponse, wanted: RunnerDeployment) -> bool:
    """Whether a deployment is what the file asks for; its schedules may be on or off."""
    return _facts_of(found) == _facts_of_built(wanted)


def _facts_of(found: DeploymentResponse) -> dict[str, Any]:
    limit, options = found.global_concurrency_limit, found.concurrency_options
    return {
        "version": found.version,
        "description": found.description,
        "tags": sorted(found.tags),
        "entrypoint": found.entrypoint,
        "pull": found.pull_steps,
        "parameters": found.parameters,
        "variables": found.job_variables,
        "pool": found.work_pool_name,
        "limit": limit.limit if limit else None,
        "strategy": options.collision_strategy if options else None,
        "form": found.parameter_openapi_schema,
        "schedules": _schedules(found.schedules),
    }


def _facts_of_built(wanted: RunnerDeployment) -> dict[str, Any]:
    options = wanted.concurrency_options
    return {
        "version": wanted.version,
        "description": wanted.description,
        "tags": sorted(wanted.tags),
        "entrypoint": wanted.entrypoint,
        "pull": wanted.storage.to_pull_step() if wanted.storage else None,
        "parameters": wanted.parameters,
        "variables": wanted.job_variables,
        "pool": wanted.work_pool_name,
        "limit": wanted.concurrency_limit,
        "strategy": options.collision_strategy if options else None,
        "form": wanted._parameter_openapi_schema.model_dump(exclude_unset=True, mode="json"),
        "schedules": _schedules(wanted.schedules or []),
    }


def _schedules(found: Any) -> dict[str, Any]:
    return {one.slug: (one.schedule.model_dump(mode="json"), one.parameters or {}) for one in found}
