"""A study killed in every stage ends with the same bytes as one that was left alone."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from synthetic_instruction_tuner.stages import STAGES

SUPPORT = Path(__file__).parents[1] / "support"
MEASURED = {"manifest.json", "run.json", "result.json", "study.json", "README.md"}


@pytest.fixture(scope="module")
def server_home(tmp_path_factory):
    """A Prefect home with an empty, migrated database: what a new machine has after a minute."""
    home = tmp_path_factory.mktemp("prefect-home")
    environment = os.environ | {"PREFECT_HOME": str(home)}
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return home


@pytest.fixture
def start(server_home, tmp_path):
    """Run a command on a machine that has never seen the study: only the workspace is shared."""
    homes = iter(range(1000))

    def run(*command):
        home = tmp_path / f"home-{next(homes)}"
        shutil.copytree(server_home, home)
        environment = os.environ | {"PREFECT_HOME": str(home), "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [sys.executable, *map(str, command)],
            env=environment,
            start_new_session=True,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def content(workspace):
    """Hash every file that a study is judged by; times and measurements are not among them."""
    kept = ("data", "models", "evaluation/items", "evaluation/results")
    return {
        path.relative_to(workspace).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in kept
        for path in sorted((workspace / folder).rglob("*"))
        if path.is_file() and path.name not in MEASURED and "/speed/" not in path.as_posix()
    }


def test_killed_in_each_stage_a_study_ends_as_if_undisturbed(start, tmp_path):
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    done = start("-m", "tuner.main", "run", "sandbox-smoke", "--workspace", calm)
    assert done.returncode == 0, done.stderr[-3000:]
    for stage in STAGES:
        death = start(
            SUPPORT / "killed_run.py", stage, "run", "sandbox-smoke", "--workspace", killed
        )
        assert death.returncode == -signal.SIGKILL, f"{stage}: {death.stderr[-3000:]}"
    last = start("-m", "tuner.main", "run", "sandbox-smoke", "--workspace", killed, "--json")
    assert last.returncode == 0, last.stderr[-3000:]
    assert content(killed) == content(calm)
    assert {path.split("/")[0] for path in content(calm)} == {"data", "models", "evaluation"}
    stages = {one["stage"]: one["state"] for one in json.loads(last.stdout)["stages"]}
    assert stages == dict.fromkeys(STAGES, "done")

    again = start("-m", "tuner.main", "run", "sandbox-smoke", "--workspace", killed)
    assert again.returncode == 0
    assert "Nothing to do" in again.stderr
    for name in ("report.html", "report.md", "slides.pptx"):
        assert (killed / "reports" / name).stat().st_size > 1000
