"""`tuner deploy`: bring everything that the Prefect UI needs to a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from tuner import address, deployment_file

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

SLOTS = """\
Note: if this server restarts while a run holds the GPU's slot, the slot stays taken. Start it with
PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE=prefect.server.concurrency.lease_storage.filesystem"""
SQLITE = """\
Note: SQLite, which a server has if nothing else was set, is enough for one person; under several
people or machines it locks and loses events: give it PostgreSQL (docs/operate.md)."""
FREE_TIER = """\
Note: Prefect Cloud's free tier allows 5 deployments and no work pools of one's own; these are {}.
`tuner serve` makes two and needs no pool."""


def deploy(
    file: Annotated[Path, typer.Option(help="Deployment file.")] = deployment_file.FILE,
    notify: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(help="Notification block that hears of ended runs, as type/name."),
    ] = None,
) -> None:
    """Make work pool, block types, GPU limit, automations and deployments; harmless to repeat.

    What is on the server as it should be is left alone.

    Example: tuner deploy --notify slack-webhook/lab
    """
    content = deployment_file.read(file)
    address.require()
    from prefect.client.orchestration import get_client

    from tuner import server

    with get_client(sync_client=True) as client:
        server.require(client)
        if server.is_cloud():
            typer.echo(FREE_TIER.format(len(content["deployments"])))
        _prepare(client, notify)
        wanted = [deployment_file.build(one, content["pull"]) for one in content["deployments"]]
        there = server.known(client)
        done = server.bring(client, wanted, there)
        typer.echo(
            f"{len(wanted)} deployments of work pool {server.POOL!r} are ready: "
            f"{done.made} made, {done.changed} changed, {done.kept} as they were."
        )
        if left := server.left_over(wanted, there):
            typer.echo(f"Not in the file any more (delete them in the UI): {', '.join(left)}")
        if server.slots_in_memory(client):
            typer.echo(SLOTS)
        if server.keeps_records_in_sqlite(client):
            typer.echo(SQLITE)
    typer.echo("Schedules that are new are paused: switch them on in the UI.")
    typer.echo("Start a worker: bash deployments/worker.sh")


def _prepare(client: SyncPrefectClient, notify: str | None) -> None:
    """Make what deployments refer to."""
    import blocks
    from tuner import automations, server

    server.make_pool(client)
    blocks.register_all()
    server.make_gpu_limit(client)
    for one in automations.standing():
        automations.make(client, one)
    if notify is not None:
        found = server.find_notifier(client, notify)
        automations.make(client, automations.notification(found))


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(deploy)
