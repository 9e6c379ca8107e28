"""The Prefect server that `tuner run` brings along, where no other is configured.

Prefect starts it in the process group of the run. There Ctrl-C, which a terminal or a notebook
sends to the whole group, ends the server first, and the run waits minutes for it to come back; and
a run that SIGTERM ends leaves its server behind for ever. Here it has a session of its own and ends
when the run has gone, however it went.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from typing import Any

import uvicorn
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import PREFECT_API_URL, get_current_settings

from synthetic_instruction_tuner.errors import TunerError

ENVIRONMENT = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
}
"""What tells the server that it serves one process only (as in Prefect 3.8's own start)."""


class EmbeddedServer(SubprocessASGIServer):
    """Prefect's embedded server out of reach of signals that are meant for the run.

    Prefect keeps one instance a port, so that its clients find this one. It looks for a port that
    is free, and takes whoever answers there for its own server: of two runs that look at once, one
    works with the other's server until that ends. Here a port that is found is held, and handed to
    the server.
    """

    def find_available_port(self) -> int:
        """Take a free port of loopback; connections are refused until the server listens."""
        self._held = socket.socket()
        self._held.bind(("127.0.0.1", 0))
        return int(self._held.getsockname()[1])

    def _run_uvicorn_command(self) -> subprocess.Popen[Any]:
        settings = get_current_settings().to_environment_variables(exclude_unset=True)
        with self._held as held:  # the server's alone from then on: it ends with the server
            return subprocess.Popen(
                [sys.executable, "-m", "tuner.embedded_server", str(held.fileno())],
                env=os.environ | ENVIRONMENT | settings,
                stdin=subprocess.PIPE,  # ends with the run
                pass_fds=[held.fileno()],
                start_new_session=True,
            )


def start_unless_configured() -> None:
    """Start the embedded server, unless a server is configured or already started.

    Raises:
        TunerError: If it does not answer in time.
    """
    if PREFECT_API_URL.value():
        return
    try:
        EmbeddedServer().start()
    except RuntimeError as error:
        raise TunerError(
            f"Prefect's embedded server does not start ({error}); try again when this machine has "
            "less to do, or set PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS above 120"
        ) from error


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def serve(descriptor: int) -> None:
    """Serve Prefect's API until the parent closes standard input or has gone.

    Args:
        descriptor: Socket that is bound already.
    """
    threading.Thread(target=_end_with_parent, daemon=True).start()
    config = uvicorn.Config(
        "prefect.server.api.server:create_app", factory=True, log_level="error", lifespan="on"
    )
    server = uvicorn.Server(config)
    server.run(sockets=[socket.socket(fileno=descriptor)])
    if not server.started:
        sys.exit(1)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
