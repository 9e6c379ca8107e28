"""The form in a real browser: a wrong value is refused, three changed fields run to the end."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from support import prefect_form
from support.prefect_server import OwnServer, wait_for

from synthetic_instruction_tuner.study.workspace import read_study_file

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not Path(prefect_form.CHROMIUM).exists(),
        reason=f"no browser at {prefect_form.CHROMIUM} (Debian: apt-get install chromium)",
    ),
]


@pytest.fixture
def ui(migrated_home, tmp_path):
    """A new machine with server, deployments and worker, as docs/operate.md has them started."""
    shutil.copytree(migrated_home, tmp_path / "prefect")
    own = OwnServer(tmp_path / "prefect")
    tuner = [sys.executable, "-m", "tuner.main", "deploy", "sandbox-smoke"]
    try:
        own.start()
        subprocess.run(tuner, env=own.environment(), check=True)
        with own.settings(), own.worker(tmp_path / "studies"):
            yield own.ui
    finally:
        own.stop()


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
        prefect_form.submit_and_leave(page)
        (run,) = wait_for(lambda client: client.read_flow_runs())
        wait_for(lambda client: client.read_flow_run(run.id).state.is_final())
        assert wait_for(lambda client: client.read_flow_run(run.id)).state_name == "Completed"
    known = read_study_file(tmp_path / "studies" / "from-the-form")
    assert (known["config"]["seed"], known["config"]["generation"]["draws"]) == (7, 20)
