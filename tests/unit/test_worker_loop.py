"""`tuner worker` starts Prefect's worker again when it fails, and stops it when it is stopped."""

import signal
import sys

import pytest

from tuner.commands.worker import keep_working

ONCE = """
import sys
from pathlib import Path
mark = Path(sys.argv[1])
if not mark.exists():
    mark.touch()
    sys.exit(3)
"""
STOP = "import os, signal, time; os.kill(os.getppid(), signal.SIGTERM); time.sleep(60)"


@pytest.fixture(autouse=True)
def handlers():
    before = {one: signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)}
    yield
    for one, handler in before.items():
        signal.signal(one, handler)


def test_a_worker_that_failed_is_started_again(tmp_path, capsys):
    command = [sys.executable, "-c", ONCE, str(tmp_path / "mark")]
    assert keep_working(command, pause_seconds=0) == 0
    assert "The worker failed (status 3); another one starts." in capsys.readouterr().err


def test_a_worker_that_is_stopped_stays_stopped():
    assert keep_working([sys.executable, "-c", STOP]) == -signal.SIGTERM
