"""The form in a real browser: a wrong value is refused, three changed fields run to the end."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from support import prefect_form

from synthetic_instruction_tuner.workspace import read_study_file

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.browser


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def environment(tmp_path):
    """A new machine: nothing of Prefect, an empty folder for studies."""
    api = f"http://127.0.0.1:{free_port()}/api"
    return os.environ | {
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": api,
        "PREFECT_SERVER_UI_API_URL": api,
        "TUNER_WORKSPACES": str(tmp_path / "studies"),
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def ui(environment):
    """Server, deployments and worker, as docs/operate.md has them started."""
    api = environment["PREFECT_API_URL"]
    port = api.split(":")[2].removesuffix("/api")
    start = [sys.executable, "-m", "prefect", "server", "start", "--port", port]
    processes = [subprocess.Popen(start, env=environment, stdout=subprocess.DEVNULL)]
    try:
        with temporary_settings({PREFECT_API_URL: api}):
            wait_for(lambda client: client.api_healthcheck() is None)
            tuner = [sys.executable, "-m", "tuner.main"]
            subprocess.run([*tuner, "deploy", "sandbox-smoke"], env=environment, check=True)
            worker = ["bash", str(ROOT / "deployments" / "worker.sh")]
            processes.append(subprocess.Popen(worker, env=environment))
            yield api.removesuffix("/api")
    finally:
        for one in reversed(processes):
            one.terminate()
            one.wait(60)


def wait_for(condition, seconds=300):
    deadline = time.monotonic() + seconds
    with get_client(sync_client=True) as client:
        while not (found := condition(client)):
            assert time.monotonic() < deadline
            time.sleep(0.5)
    return found


def test_a_wrong_value_is_refused_and_three_changed_fields_run_to_the_end(ui, tmp_path):
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("generation/sandbox-smoke")
    with prefect_form.browser_page() as page:
        prefect_form.open_form(page, ui, deployment)
        prefect_form.change(page, {"Draws": 0})
        prefect_form.submit(page)
        page.get_by_text("'config.generation.draws'").first.wait_for()
        page.get_by_text("0 is less than the minimum of 1").first.wait_for()
        assert wait_for(lambda client: [client.read_flow_runs()]) == [[]]
        prefect_form.change(page, {"Draws": 20, "Seed": 7, "Name": "from-the-form"})
        prefect_form.submit(page)
        prefect_form.leave_form(page)
        (run,) = wait_for(lambda client: client.read_flow_runs())
        wait_for(lambda client: client.read_flow_run(run.id).state.is_final())
        assert wait_for(lambda client: client.read_flow_run(run.id)).state_name == "Completed"
    known = read_study_file(tmp_path / "studies" / "from-the-form")
    assert (known["config"]["seed"], known["config"]["generation"]["draws"]) == (7, 20)
