"""`tuner worker` starts Prefect's worker again when it fails, and stops it when it is stopped."""

import os
import signal
import sys
from threading import Timer

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
SLEEP = "import time; time.sleep(60)"


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
    Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert keep_working([sys.executable, "-c", SLEEP]) == -signal.SIGTERM
