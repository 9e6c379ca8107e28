"""Several processes on one workspace: one at a time, and none has to be freed by hand."""

import json
import os
import signal
import subprocess
import sys

import pytest
from support.waiting import wait_to_end

from synthetic_instruction_tuner.errors import WorkspaceError
from synthetic_instruction_tuner.study.workspace import LEASE_FILE, lease

COUNT = """
import sys
from pathlib import Path
from synthetic_instruction_tuner.study.workspace import lease
root = Path(sys.argv[1])
for _ in range(5):
    with lease(root, wait_seconds=60):
        count = int((root / "count").read_text())
        (root / "count").write_text("")
        (root / "count").write_text(str(count + 1))
"""
HOLD = """
import sys
from pathlib import Path
from synthetic_instruction_tuner.study.workspace import lease
with lease(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def start(code, root):
    return subprocess.Popen(
        [sys.executable, "-c", code, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def test_sessions_that_wait_take_turns(tmp_path):
    (tmp_path / "count").write_text("0")
    with (
        start(COUNT, tmp_path) as one,
        start(COUNT, tmp_path) as two,
        start(COUNT, tmp_path) as more,
    ):
        assert [wait_to_end(each) for each in (one, two, more)] == [0, 0, 0]
    assert (tmp_path / "count").read_text() == "15"
    assert [path.name for path in tmp_path.iterdir()] == ["count"]


def test_a_second_session_says_who_holds_it_and_takes_over_when_that_one_is_killed(tmp_path):
    with start(HOLD, tmp_path) as first:
        assert first.stdout.readline() == b"held\n"
        with (
            pytest.raises(WorkspaceError, match=f"in use by process {first.pid} on "),
            lease(tmp_path),
        ):
            pass
        first.send_signal(signal.SIGKILL)
    assert (tmp_path / LEASE_FILE).exists()
    with lease(tmp_path):
        assert json.loads((tmp_path / LEASE_FILE).read_text())["pid"] == os.getpid()
