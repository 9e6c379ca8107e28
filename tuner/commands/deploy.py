"""`tuner deploy`: bring everything that the Prefect UI needs to a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.storage.files import write_bytes
from tuner import deployment_file

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

SLOTS = """\
Note: if this server restarts while a run holds the GPU's slot, the slot stays taken. Start it with
PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE=prefect.server.concurrency.lease_storage.filesystem"""


def deploy(
    studies: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Argument(help="Presets to deploy [default: all]."),
    ] = None,
    file: Annotated[Path, typer.Option(help="Deployment file.")] = deployment_file.FILE,
    notify: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Notification block that hears of ended runs, as type/name."),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Only write the file anew from the presets.")
    ] = False,
) -> None:
    """Make work pool, block types, GPU limit, automations and deployments; harmless to repeat."""
    if write:
        write_bytes(file, deployment_file.render().encode())
        typer.echo(f"written: {file}")
        return
    chosen = _chosen(studies or [], file)
    from prefect.client.orchestration import get_client

    from tuner import server

    with get_client(sync_client=True) as client:
        server.require(client)
        _prepare(client, notify)
        names = [f"{deployment_file.flow_name(one)}/{one['name']}" for one in chosen]
        wanted = {
            (name, schedule["slug"])
            for name, one in zip(names, chosen, strict=True)
            for schedule in one.get("schedules", [])
        }
        typer.echo(f"Bringing {len(names)} deployments to the server, a second or two each ...")
        before = server.read_schedules(client, names)
        server.register_deployments([deployment_file.selector(one) for one in chosen], file)
        server.require_deployed(client, names)
        after = server.read_schedules(client, names)
        server.settle_schedules(client, before, after, wanted)
        if server.slots_in_memory(client):
            typer.echo(SLOTS)
    typer.echo(f"{len(names)} deployments of work pool {deployment_file.POOL!r} are ready.")
    typer.echo("Schedules that are new are paused: switch them on in the UI.")
    typer.echo("Start a worker: bash deployments/worker.sh")


def _chosen(studies: list[str], file: Path) -> list[dict[str, Any]]:
    if not file.is_file():
        raise ConfigurationError(f"{file} does not exist; run this from a checkout of the project")
    deployments: list[dict[str, Any]] = deployment_file.read(file)["deployments"]
    known = sorted({one["name"] for one in deployments} - {deployment_file.HELPER})
    if unknown := sorted(set(studies) - set(known)):
        raise ConfigurationError(f"unknown study {unknown[0]!r}; {file} has: {', '.join(known)}")
    wanted = {*studies, deployment_file.HELPER}
    return [one for one in deployments if not studies or one["name"] in wanted]


def _prepare(client: SyncPrefectClient, notify: str | None) -> None:
    """Make what deployments refer to."""
    import blocks
    from tuner import server

    server.make_pool(client)
    blocks.register_all()
    server.make_gpu_limit(client)
    server.make_automation(client, server.dead_run_automation())
    if notify is not None:
        found = server.find_notifier(client, notify)
        server.make_automation(client, server.notification_automation(found))


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(deploy)
