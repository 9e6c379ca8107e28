"""`worker.sh` beside other users: what they prepare in /tmp is not used, nothing is readable."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deployments" / "worker.sh"
STANDIN = """#!/usr/bin/env bash
umask; stat -c %a "$PREFECT_HOME"; echo "$PREFECT_HOME"; touch "$PREFECT_HOME/prefect.db"
stat -c %a "$PREFECT_HOME/prefect.db"
"""


@pytest.fixture
def worker(tmp_path):
    """Run the script with a stand-in for Python in a machine's own /tmp."""
    (tmp_path / "code" / "deployments").mkdir(parents=True)
    (tmp_path / "code" / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / "tmp").mkdir()
    shutil.copy(SCRIPT, tmp_path / "code" / "deployments")
    python = tmp_path / "code" / ".venv" / "bin" / "python"
    python.write_text(STANDIN)
    python.chmod(0o755)

    def run(**variables):
        known = {name: value for name, value in os.environ.items() if "PREFECT" not in name}
        needed = {"PREFECT_API_URL": "http://127.0.0.1:1/api", "TMPDIR": str(tmp_path / "tmp")}
        return subprocess.run(
            ["bash", str(tmp_path / "code" / "deployments" / "worker.sh")],
            env=known | needed | {"TUNER_WORKSPACES": str(tmp_path / "ws")} | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def own(tmp_path):
    return tmp_path / "tmp" / f"tuner-{os.getuid()}-prefect"


@pytest.mark.parametrize("before", [None, 0o755])
def test_the_folder_is_the_users_alone(worker, tmp_path, before):
    if before:
        own(tmp_path).mkdir(mode=before)
    ended = worker()
    assert ended.stdout.split() == ["0077", "700", str(own(tmp_path)), "600"], ended.stderr


def test_a_folder_under_the_old_name_is_not_used(worker, tmp_path):
    (tmp_path / "tmp" / "prefect").mkdir()
    assert worker().returncode == 0
    assert list((tmp_path / "tmp" / "prefect").iterdir()) == []


@pytest.mark.parametrize("prepared", ["link", "dangling link", "file", "open", "another's"])
@pytest.mark.parametrize("named", [True, False])
def test_what_somebody_prepared_is_refused(worker, tmp_path, prepared, named):
    place = own(tmp_path)
    if prepared == "open":
        place.mkdir()
        place.chmod(0o777)
    elif prepared == "file":
        place.write_text("")
    elif prepared == "another's":
        if os.getuid() != 0:
            pytest.skip("only root can make a folder of another user")
        place.mkdir()
        os.chown(place, 12345, 12345)
    else:
        if prepared == "link":
            (tmp_path / "theirs").mkdir()
        place.symlink_to(tmp_path / "theirs")
    ended = worker(**({"PREFECT_HOME": str(place)} if named else {}))
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert f"PREFECT_HOME={place} is" in ended.stderr
    assert ended.stdout == ""


def test_a_group_that_shares_its_workspaces_says_so(worker):
    assert worker(TUNER_UMASK="002").stdout.split()[0] == "0002"
