"""The Colab notebook, executed cell by cell against a local server, with Colab's modules faked."""

import os
import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL

from flows.items import items
from synthetic_instruction_tuner.config import presets
from tuner import deployment_file, server

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "deployments" / "colab_worker.ipynb"

pytestmark = pytest.mark.prefect

DRIVE = "import pathlib\ndef mount(path): pathlib.Path(path, 'MyDrive').mkdir(parents=True)\n"
USERDATA = """
class SecretNotFoundError(Exception): ...
class NotebookAccessError(Exception): ...
def get(name):
    if name == "PREFECT_API_URL":
        return {address!r}
    raise SecretNotFoundError(name)
"""


@pytest.fixture
def colab(prefect_server, tmp_path, monkeypatch):
    """A machine like Colab: its modules, /content, and a pip that only notes what it is asked."""
    fake = tmp_path / "fake"
    (fake / "google" / "colab").mkdir(parents=True)
    (fake / "google" / "colab" / "__init__.py").write_text("")
    (fake / "google" / "colab" / "drive.py").write_text(DRIVE)
    address = PREFECT_API_URL.value()
    (fake / "google" / "colab" / "userdata.py").write_text(USERDATA.format(address=address))
    pip = fake / "pip"
    pip.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/pip-arguments\n')
    pip.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake}:{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(fake))
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    content = tmp_path / "content"
    content.mkdir()
    return content


def read_notebook(colab):
    """The notebook and its code cells, for a machine whose /content is another folder."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) == 3
    for cell in code:
        cell.source = cell.source.replace("/content", str(colab))
    given = f"{colab}/drive/MyDrive/synthetic-instruction-tuner"
    code[0].source = code[0].source.replace(given, str(ROOT))
    return notebook, code


def output(cell):
    text = "".join(one.get("text", "") for one in cell.outputs)
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_the_notebook_mounts_installs_reads_secrets_and_works(colab, tmp_path):
    with get_client(sync_client=True) as client:
        server.make_pool(client)
        identity = client.create_deployment(
            flow_id=client.create_flow(items),
            name="colab",
            entrypoint="flows/items.py:items",
            pull_steps=[{"tasks.location.enter_code": {}}],
            work_pool_name="tuner",
            job_variables={"env": deployment_file.environment()},
            parameters={"config": presets.load("sandbox-smoke").model_dump(mode="json")},
        )
        run = client.create_flow_run_from_deployment(identity)
    notebook, code = read_notebook(colab)
    code[2].source += " --once"
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()

    arguments = (tmp_path / "pip-arguments").read_text().split()
    assert arguments[arguments.index("--constraint") + 1] == str(colab / "kept.txt")
    assert "torch==" in (colab / "kept.txt").read_text()
    assert "PREFECT_API_URL: set" in output(code[1])
    assert "HF_TOKEN: not set (SecretNotFoundError)" in output(code[1])
    assert f"studies in {colab}/drive/MyDrive/studies" in output(code[2])
    assert "Finished in state Completed" in output(code[2])
    study = colab / "drive" / "MyDrive" / "studies" / "sandbox-smoke"
    assert (study / "evaluation" / "items" / "manifest.json").exists()
    with get_client(sync_client=True) as client:
        assert client.read_flow_run(run.id).state_name == "Completed"
        lines = {one.message for one in client.read_logs() if one.name.startswith("synthetic")}
    assert any(line.startswith("Benchmark items: ") for line in lines)


def test_an_installation_that_failed_ends_the_notebook_there(colab, tmp_path):
    (tmp_path / "fake" / "pip").write_text("#!/bin/sh\nexit 1\n")
    notebook, _ = read_notebook(colab)
    with pytest.raises(CellExecutionError, match="pip could not install the tool"):
        NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
