"""`tuner view`: a study in the browser."""

from __future__ import annotations

import ipaddress
import webbrowser
from collections.abc import Sequence
from typing import Annotated

import typer

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.results.study import StudyResults
from tuner.options import TrustedCode, WorkspaceFolder, existing

LOCAL = ("127.0.0.1", "localhost", "[::1]")


def view(
    workspace: WorkspaceFolder = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; another than the default lets others in.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the page.")] = 8765,
    browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    trusted: TrustedCode = None,
) -> None:
    """Show a study in the browser: rows, pairs, curves, answers, and an arena to talk to models.

    Example: tuner view --workspace workspace/sandbox --open
    """
    import uvicorn

    from tuner.viewer.app import Viewer

    try:
        is_local = ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise ConfigurationError(f"--host {host!r} is no IP address; 127.0.0.1, or 0.0.0.0") from (
            error
        )
    study = existing(workspace, trusted)

    def answer(model: str, turns: Sequence[dict[str, str]], temperature: float) -> str:
        from synthetic_instruction_tuner.training import chat

        return chat.answer(study, study.subject(model), turns, temperature=temperature)

    address = f"http://{host}:{port}"
    typer.echo(f"Study {study.config.name!r} at {address} (Ctrl-C ends it)")
    if not is_local:
        typer.echo("Whoever reaches this machine can read the study and ask its models.", err=True)
    if browser:
        webbrowser.open(address)
    app = Viewer(StudyResults(study), answer).app(LOCAL if is_local else ("*",))
    uvicorn.run(app, host=host, port=port, log_level="warning")


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(view)
