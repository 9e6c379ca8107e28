"""A run that its user, a notebook or a batch system stops: it says so, soon, and leaves nothing."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from itertools import takewhile

import psutil
import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from synthetic_instruction_tuner.errors import TunerError
from tuner import embedded_server

STOPPED = "tuner: stopped; the same command goes on from here"
PROGRESS = re.compile(r"^\d\d:\d\d:\d\d ")


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_stops_a_run_at_once(stop, migrated_home, tmp_path):
    """What Ctrl-C in a terminal, the stop button of a notebook cell, and `timeout` do."""
    shutil.copytree(migrated_home, tmp_path / "home")
    command = ["run", "sandbox-smoke", "--workspace", str(tmp_path / "workspace")]
    with subprocess.Popen(
        [sys.executable, "-m", "tuner.main", *command],
        env=os.environ | {"PREFECT_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as run:
        before = list(takewhile(lambda line: not PROGRESS.match(line), run.stderr))
        started = psutil.Process(run.pid).children(recursive=True)
        os.killpg(run.pid, stop)
        told = run.stderr.read()
    assert run.returncode == 128 + stop, [*before, told]
    assert told.splitlines()[-1] == STOPPED
    assert "Traceback" not in told
    assert started, "the run has a Prefect server of its own"
    assert psutil.wait_procs(started, timeout=60)[1] == []


def test_a_killed_run_takes_its_server_along(migrated_home, tmp_path):
    """After SIGKILL nothing in the run can tidy up."""
    shutil.copytree(migrated_home, tmp_path / "home")
    script = (
        "import os, signal\n"
        "from tuner.embedded_server import start_unless_configured\n"
        "start_unless_configured()\n"
        "print('up', flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        env=os.environ | {"PREFECT_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout.readline() == "up\n"
        started = psutil.Process(run.pid).children()
        run.kill()
    assert len(started) == 1
    assert psutil.wait_procs(started, timeout=60)[1] == []


@pytest.fixture
def no_server_yet(monkeypatch):
    """A process like a new one: Prefect keeps the server of whichever test started one before."""
    monkeypatch.setattr(embedded_server.EmbeddedServer, "_instances", {})
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        yield


@pytest.mark.usefixtures("no_server_yet")
def test_a_port_that_is_found_is_held():
    """Two runs that start at once on one machine: neither ends up at the other's server."""
    port = embedded_server.EmbeddedServer().find_available_port()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))


@pytest.mark.usefixtures("no_server_yet")
def test_a_server_that_does_not_start_in_time_is_one_line(monkeypatch):
    def late(_):
        raise RuntimeError("Timed out while attempting to connect to ephemeral Prefect API server.")

    monkeypatch.setattr(embedded_server.EmbeddedServer, "start", late)
    with pytest.raises(TunerError, match=r"does not start \(Timed out .* less to do"):
        embedded_server.start_unless_configured()
