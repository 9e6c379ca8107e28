"""A run that its user, a notebook or a batch system stops: it says so, soon, and leaves nothing."""

import os
import re
import shutil
import signal
import subprocess
import sys
from itertools import takewhile

import psutil
import pytest

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
        "from tuner.embedded_server import unless_configured\n"
        "with unless_configured() as server:\n"
        "    server.wait()\n"
        "    print('up', flush=True)\n"
        "    signal.pause()\n"
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
