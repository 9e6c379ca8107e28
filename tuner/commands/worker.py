"""`tuner worker`: let the Prefect UI start runs on this machine."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from synthetic_instruction_tuner.errors import ConfigurationError
from tuner import address


def worker(
    limit: Annotated[int, typer.Option(help="Runs at once; one GPU carries one.", min=1)] = 1,
    once: Annotated[bool, typer.Option("--once", help="Do what is due, then stop.")] = False,
) -> None:
    """Start a Prefect worker here and show what it does; stop it with Ctrl-C.

    Example: tuner worker --once
    """
    address.require()
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    from tuner import server

    with get_client(sync_client=True) as client:
        server.require(client)
        try:
            client.read_work_pool(server.POOL)
        except ObjectNotFound as error:
            raise ConfigurationError(
                f"the server has no work pool {server.POOL!r}; run `tuner deploy` first"
            ) from error
    typer.echo(describe_machine())
    name = f"{platform.node()}-{os.getpid()}"
    options = [
        "--name",
        name,
        "--pool",
        server.POOL,
        "--type",
        "process",
        "--limit",
        str(limit),
    ]
    command = [sys.executable, "-m", "prefect", "worker", "start", *options]
    # A shell that starts this in the background makes it ignore Ctrl-C, and then also SIGTERM.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["PREFECT_LOGGING_LEVEL"] = "INFO"
    sys.exit(keep_working([*command, "--run-once"] if once else command))


def keep_working(command: Sequence[str], pause_seconds: float = 10.0) -> int:
    """Run Prefect's worker until it ends by itself or is stopped; one that failed starts again.

    It fails, for example, when a run that was suspended is resumed before its process has ended.

    Returns:
        The exit status of the last one.
    """
    stopped = threading.Event()
    running: list[subprocess.Popen[bytes]] = []

    def stop(number: int, _: object) -> None:
        """Stop the worker with this process; Ctrl-C reaches both without help."""
        stopped.set()
        if number == signal.SIGTERM:
            for process in running:
                process.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while True:
        running[:] = [process := subprocess.Popen(command)]
        if stopped.is_set():  # between two workers, or before this one was known
            process.terminate()
        status = process.wait()
        if status == 0 or stopped.is_set():
            return status
        typer.echo(f"The worker failed (status {status}); another one starts.", err=True)
        stopped.wait(pause_seconds)


def describe_machine() -> str:
    """Say in one line what runs will find here."""
    folder = Path(os.environ.get("TUNER_WORKSPACES") or "workspace").absolute()
    known = folder if folder.exists() else Path.cwd()
    free = shutil.disk_usage(known).free / 2**30
    gpu = "with a GPU" if shutil.which("nvidia-smi") else "without a GPU"
    token = "set" if os.environ.get("HF_TOKEN") else "not set (gated models need it)"
    return (
        f"{platform.node()}, {gpu}; studies in {folder} ({free:.0f} GiB free); HF_TOKEN is {token}"
    )


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(worker)
