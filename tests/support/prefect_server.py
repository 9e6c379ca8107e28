"""A Prefect server in a process of its own, which tests stop, start again and lock with a key."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import httpx
from prefect.client.orchestration import get_client
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_UI_URL,
    temporary_settings,
)
from support import forking
from support.waiting import wait_for

KEY = "tuner:a-long-password"
LEASES = "prefect.server.concurrency.lease_storage.filesystem"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class OwnServer:
    """Keeps its address and database when it is stopped and started again."""

    def __init__(self, home, key=None):
        self.home, self.key = home, key
        self.port = free_port()
        self.ui = f"http://127.0.0.1:{self.port}"
        self.api = f"{self.ui}/api"
        self.process = None

    def environment(self, **more):
        """What a shell would have exported, for server, workers and the command line."""
        names = ("PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING")
        keys = dict.fromkeys(names, self.key) if self.key else {}
        return os.environ | {
            "PREFECT_HOME": str(self.home),
            "PREFECT_API_URL": self.api,
            "PREFECT_SERVER_UI_API_URL": self.api,
            "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": LEASES,
            "PREFECT_LOGGING_LEVEL": "INFO",
            "OMP_NUM_THREADS": "1",
            **keys,
            **more,
        }

    def start(self):
        command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(self.port)]
        with (self.home.parent / "server.log").open("a") as log:
            self.process = forking.Popen(
                command, env=self.environment(), stdout=log, stderr=log, start_new_session=True
            )
        wait_for("the server", lambda: self.answers() or self.process.poll() is not None, pause=0.2)
        assert self.process.poll() is None, "the server ended"

    def answers(self):
        try:
            return httpx.get(f"{self.api}/health", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self):
        end(self.process)

    @contextmanager
    def settings(self, *keys):
        """What a process that talks to this server is told, perhaps with a wrong key."""
        key = keys[0] if keys else self.key
        told = {PREFECT_API_URL: self.api, PREFECT_UI_URL: self.ui, PREFECT_API_AUTH_STRING: key}
        with temporary_settings(told):
            yield

    @contextmanager
    def worker(self, folder, *options):
        """A worker as docs/operate.md has it started."""
        command = [sys.executable, "-m", "tuner.main", "worker", *options]
        environment = self.environment(TUNER_WORKSPACES=str(folder))
        with (self.home.parent / "worker.log").open("a") as log:
            process = forking.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield process
        finally:
            end(process)


def end(process):
    """End a process as Ctrl-C does, and whatever it leaves behind."""
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(40)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for_server(what, condition):
    """Ask the server again and again until something is there."""
    with get_client(sync_client=True) as client:
        return wait_for(what, lambda: condition(client), pause=0.3)  # more often keeps it busy
