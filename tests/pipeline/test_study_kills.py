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


@pytest.fixture(scope="module")
def start(server_home, tmp_path_factory):
    """Run a command on a machine that has never seen the study: only the workspace is shared."""

    def run(*command):
        home = tmp_path_factory.mktemp("machine") / "home"
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


@pytest.fixture(scope="module")
def calm(start, tmp_path_factory):
    """The workspace of a study that nothing disturbed."""
    workspace = tmp_path_factory.mktemp("calm")
    done = start("-m", "tuner.main", "run", "sandbox-smoke", "--workspace", workspace)
    assert done.returncode == 0, done.stderr[-3000:]
    return workspace


def content(workspace):
    """Hash every file that a study is judged by; times and measurements are not among them."""
    kept = ("data", "models", "evaluation/items", "evaluation/results")
    return {
        path.relative_to(workspace).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in kept
        for path in sorted((workspace / folder).rglob("*"))
        if path.is_file() and path.name not in MEASURED and "/speed/" not in path.as_posix()
    }


def test_killed_in_each_stage_a_study_ends_as_if_undisturbed(start, calm, tmp_path):
    killed = tmp_path / "killed"
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


@pytest.fixture
def tuner(start, calm):
    """Run a command on the finished study and return what it prints."""

    def run(*arguments):
        done = start("-m", "tuner.main", *arguments, "--workspace", calm)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run


def test_a_finished_study_can_be_asked_about(tuner, calm):
    stages = {one["stage"]: one["rerun"] for one in json.loads(tuner("status", "--json"))["stages"]}
    assert stages == dict.fromkeys(STAGES, "nothing")
    assert json.loads(tuner("report", "--json"))["report.html"] == str(calm / "reports/report.html")


def test_a_stricter_rule_keeps_fewer_rows_and_draws_nothing(tuner, calm):
    before = content(calm)
    rows = json.loads(tuner("filter", "--what-if", "length.min_words=30", "--json"))
    assert [one["setting"] for one in rows] == ["as configured", "length.min_words=30"]
    assert rows[1]["passed"] < rows[0]["passed"]
    assert rows[1]["lost"] == rows[0]["passed"] - rows[1]["passed"]
    assert content(calm) == before


def test_an_arm_answers_beside_the_base_and_can_be_taken_along(tuner, tmp_path):
    lines = tuner("chat", "base", "sft", "--prompt", "What is the capital of France?").splitlines()
    assert [line.split(":")[0] for line in lines] == ["base", "sft"]
    tuner("export", "sft", tmp_path / "merged")
    names = {path.name for path in (tmp_path / "merged").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
