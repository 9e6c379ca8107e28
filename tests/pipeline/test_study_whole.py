"""A whole study through the command line, killed once on its way: what it leaves, and what it says.

That a study killed anywhere ends with the same bytes is shown by `tests/chaos`.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from support import forking

from synthetic_instruction_tuner.study.stages import STAGES
from tuner.main import prepare_environment

SUPPORT = Path(__file__).parents[1] / "support"
TOKENS = {
    "HF_TOKEN": "hf_plantedAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "HUGGING_FACE_HUB_TOKEN": "hf_plantedBBBBBBBBBBBBBBBBBBBBBBBBBBB",
    "OPENAI_API_KEY": "sk-plantedCCCCCCCCCCCCCCCCCCCCCCCCCCCC",
    "PREFECT_API_KEY": "pnu_plantedDDDDDDDDDDDDDDDDDDDDDDDDDDD",
    "PREFECT_API_AUTH_STRING": "tuner:plantedEEEEEEEEEEEEEEEEEEEEEE",
    "WANDB_API_KEY": "plantedFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
}


@pytest.fixture(scope="module")
def machines(tmp_path_factory):
    """Everything that machines of this module keep beside the workspace."""
    return tmp_path_factory.mktemp("machines")


@pytest.fixture(scope="module")
def start(migrated_home, machines):
    """Run a command on a machine that has never seen the study: only the workspace is shared."""

    def run(*command):
        home = machines / str(len(list(machines.iterdir())))
        shutil.copytree(migrated_home, home)
        environment = os.environ | TOKENS | {"PREFECT_HOME": str(home), "OMP_NUM_THREADS": "1"}
        prepare_environment(environment)
        done = forking.run(
            [sys.executable, *map(str, command)],
            env=environment,
            start_new_session=True,
            capture_output=True,
            text=True,
            timeout=400,
        )
        (home / "printed.txt").write_text(done.stdout + done.stderr)
        return done

    return run


@pytest.fixture(scope="module")
def finished(start, tmp_path_factory):
    """The workspace of a study whose machine was lost while it trained, and that then went on."""
    workspace = tmp_path_factory.mktemp("study") / "workspace"
    command = ("run", "sandbox-smoke", "--workspace", workspace)
    death = start(SUPPORT / "killed_run.py", "training", *command)
    assert death.returncode == -signal.SIGKILL, death.stderr[-3000:]
    last = start("-m", "tuner.main", *command, "--json")
    assert last.returncode == 0, last.stderr[-3000:]
    stages = {one["stage"]: one["state"] for one in json.loads(last.stdout)["stages"]}
    assert stages == dict.fromkeys(STAGES, "done")
    return workspace


@pytest.fixture
def tuner(start, finished):
    """Run a command on the finished study and return what it prints."""

    def run(*arguments):
        done = start("-m", "tuner.main", *arguments, "--workspace", finished)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    return run


def content(workspace):
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(workspace.rglob("*"))
        if path.is_file()
    }


def test_training_went_on_from_its_checkpoint(finished):
    runs = [json.loads(path.read_text()) for path in finished.glob("models/*/run.json")]
    assert max(one["resumed"] for one in runs) >= 1


def test_a_finished_study_is_not_done_again(start, finished):
    again = start("-m", "tuner.main", "run", "sandbox-smoke", "--workspace", finished)
    assert again.returncode == 0
    assert "Nothing to do" in again.stderr
    for name in ("report.html", "report.md", "slides.pptx"):
        assert (finished / "reports" / name).stat().st_size > 1000


def test_a_finished_study_can_be_asked_about(tuner, finished):
    stages = {one["stage"]: one["rerun"] for one in json.loads(tuner("status", "--json"))["stages"]}
    assert stages == dict.fromkeys(STAGES, "nothing")
    report = json.loads(tuner("report", "--json"))["report.html"]
    assert report == str(finished / "reports/report.html")


def test_a_stricter_rule_keeps_fewer_rows_and_draws_nothing(tuner, finished):
    before = content(finished)
    rows = json.loads(tuner("filter", "--what-if", "length.min_words=30", "--json"))
    assert [one["setting"] for one in rows] == ["as configured", "length.min_words=30"]
    assert rows[1]["passed"] < rows[0]["passed"]
    assert rows[1]["lost"] == rows[0]["passed"] - rows[1]["passed"]
    assert content(finished) == before


def test_an_arm_answers_beside_the_base_and_can_be_taken_along(tuner, tmp_path):
    said = tuner("chat", "base", "sft", "--prompt", "What is the capital of France?")
    assert said.startswith("base: ")
    assert re.findall(r"^(base|sft): \S", said, re.MULTILINE) == ["base", "sft"]  # lines may follow
    tuner("export", "sft", tmp_path / "merged")
    names = {path.name for path in (tmp_path / "merged").iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names


COLAB = {
    "__init__.py": "",
    "_message.py": "class MessageError(Exception): ...\n",
    "drive.py": "from google.colab import _message\n"
    "def mount(path): raise _message.MessageError('credential propagation was unsuccessful')\n",
    "userdata.py": "class SecretNotFoundError(Exception): ...\n"
    "class NotebookAccessError(Exception): ...\n"
    "def get(name): raise SecretNotFoundError(name)\n",
}
"""Colab's modules, on a machine where the mount of Drive is refused and no secret is kept."""


def test_the_notebook_plans_goes_on_and_shows_the_report(finished, tmp_path, monkeypatch):
    fake = tmp_path / "google" / "colab"
    fake.mkdir(parents=True)
    for name, text in COLAB.items():
        (fake / name).write_text(text)
    (tmp_path / "pip").write_text("#!/bin/sh\n")
    (tmp_path / "pip").chmod(0o755)
    shutil.copytree(finished, tmp_path / "content" / "studies" / "sandbox-smoke")
    (tmp_path / "content" / "synthetic-instruction-tuner").symlink_to(SUPPORT.parents[1])
    monkeypatch.setenv("PATH", f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    notebook = nbformat.read(SUPPORT.parents[1] / "notebooks/study_on_colab.ipynb", as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        own = cell.source.replace("/content", f"{tmp_path}/content")
        cell.source = own.replace('STUDY = "colab-t4"', 'STUDY = "sandbox-smoke"')
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()

    def said(word):
        cell = next(one for one in code if word in one.source)
        return "".join(one.get("text", "") for one in cell.outputs), cell.outputs

    refused, _ = said("drive.mount")
    assert "Drive is not mounted (credential propagation was unsuccessful)" in refused
    assert f"workspace: {tmp_path}/content/studies/sandbox-smoke" in refused
    assert "HF_TOKEN: not set (SecretNotFoundError)" in said("pip install")[0]
    assert "H100" in said("tuner plan")[0]
    assert "Nothing to do: everything is there and whole." in said("tuner run")[0]
    assert "evaluation" in said("tuner status")[0]
    (page,) = said("srcdoc")[1]
    assert "&lt;h2&gt;" in page["data"]["text/html"]
    (scores,) = said("open_study(WORKSPACE)")[1]
    assert "verifiable" in scores["data"]["text/plain"]


def test_no_token_of_the_environment_is_written_or_printed(finished, machines):
    """Workspace, reports, logs, what was printed, and the databases of Prefect."""
    places = [path for root in (finished, machines) for path in root.rglob("*") if path.is_file()]
    assert any(path.name == "prefect.db" for path in places)
    assert any(path.name == "printed.txt" for path in places)
    found = [
        f"{name} in {path}"
        for path in places
        for name, token in TOKENS.items()
        if token.encode() in path.read_bytes() or token.split(":")[-1].encode() in path.read_bytes()
    ]
    assert found == []


def test_nothing_in_a_finished_workspace_is_a_pickle(finished):
    suffixes = {".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib", ".dill"}
    files = [path for path in finished.rglob("*") if path.is_file()]
    assert [str(path) for path in files if path.suffix in suffixes] == []
    heads = {path: path.read_bytes()[:2] for path in files}
    assert [str(path) for path, head in heads.items() if head[:1] == b"\x80"] == []
    zipped = {path.suffix for path, head in heads.items() if head == b"PK"}  # torch.save is a zip
    assert zipped <= {".pptx"}
