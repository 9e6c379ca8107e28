"""The Prefect server that `tuner run` brings along, where no other is configured.

Prefect's own (`SubprocessASGIServer`) costs four seconds of imports before anything happens, lives
in the process group of the run and takes whoever answers at its port for itself. Ctrl-C, which a
terminal or a notebook sends to the whole group, would end it first, and the run wait minutes for
it to come back; a run that SIGTERM ends would leave it behind for ever. This one starts before
anything heavy is imported, holds its port from the beginning, has a session of its own, and ends
when the run has gone, however it went. To Prefect's clients it is a server like any other.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from synthetic_instruction_tuner.errors import TunerError
from tuner import fresh_database
from tuner.address import VARIABLE, is_configured

PATIENCE = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
ENVIRONMENT = {
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
}
"""What tells the server that it serves one process only (as in Prefect 3.8's own start)."""
POLL_SECONDS = 0.05
STOP_SECONDS = 5


class EmbeddedServer:
    """A Prefect server in a process of its own, out of reach of signals that are meant for the run.

    Attributes:
        url: Address of its API.
    """

    def __init__(self) -> None:
        """Start the process; nothing is waited for."""
        with hold_port() as held:  # the server's alone from then on: it ends with the server
            self.url = f"http://127.0.0.1:{held.getsockname()[1]}/api"
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tuner.embedded_server", str(held.fileno())],
                env=os.environ | ENVIRONMENT,
                stdin=subprocess.PIPE,  # ends with the run
                pass_fds=[held.fileno()],
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            TunerError: If it does not in time, or ends.
        """
        seconds = float(os.environ.get(PATIENCE, "120"))
        deadline = time.monotonic() + seconds
        while not _answers(self.url):
            code = self._process.poll()
            if code is not None:
                raise _no_start(f"it ended with code {code}")
            if time.monotonic() >= deadline:
                raise _no_start(f"no answer within {seconds:.0f} s")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def hold_port() -> socket.socket:
    """Take a free port of loopback; connections are refused until the server listens."""
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    return held


@contextmanager
def unless_configured() -> Iterator[EmbeddedServer | None]:
    """Start the embedded server, unless a server is configured; it ends with the block.

    Prefect's clients in this process and in those that it starts use it. Whoever needs it calls
    `wait` first, and imports what takes long meanwhile.

    Yields:
        The server; None if another is configured.
    """
    if is_configured():
        yield None
        return
    server = EmbeddedServer()
    os.environ[VARIABLE] = server.url
    _refresh()
    try:
        yield server
    finally:
        del os.environ[VARIABLE]
        _refresh()
        server.stop()


def _refresh() -> None:
    """Let Prefect read the environment again, if it was imported before."""
    if "prefect.context" in sys.modules:
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _no_start(reason: str) -> TunerError:
    return TunerError(
        f"Prefect's embedded server does not start ({reason}); try again when this machine has "
        f"less to do, or set {PATIENCE} above 120"
    )


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
    fresh_database.lay()
    import uvicorn

    config = uvicorn.Config(
        "prefect.server.api.server:create_app", factory=True, log_level="error", lifespan="on"
    )
    server = uvicorn.Server(config)
    server.run(sockets=[socket.socket(fileno=descriptor)])
    if not server.started:
        sys.exit(1)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
