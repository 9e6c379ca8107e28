"""The form in a real browser: a wrong value is refused, three fields make a run, its page tells."""

import shutil
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from psutil import NoSuchProcess, Process
from support import prefect_form
from support.prefect_server import OwnServer, wait_for_server

from synthetic_instruction_tuner.study.workspace import read_study_file
from tuner import automations

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not Path(prefect_form.CHROMIUM).exists(),
        reason=f"no browser at {prefect_form.CHROMIUM} (Debian: apt-get install chromium)",
    ),
]


@pytest.fixture
def ui(migrated_home, tmp_path):
    """A new machine with server and deployments, as docs/operate.md has them started."""
    shutil.copytree(migrated_home, tmp_path / "prefect")
    own = OwnServer(tmp_path / "prefect")
    tuner = [sys.executable, "-m", "tuner.main", "deploy"]
    try:
        own.start()
        subprocess.run(tuner, env=own.environment(), check=True)
        with own.settings():
            yield own
    finally:
        own.stop()


def test_a_wrong_value_is_refused_and_three_fields_run_a_study_whose_page_tells_it(ui, tmp_path):
    with get_client(sync_client=True) as client:
        deployment = client.read_deployment_by_name("study/tuner")
    with prefect_form.browser_page() as page, ui.worker(tmp_path / "studies"):
        prefect_form.open_form(page, ui.ui, deployment)
        prefect_form.write(page, "draws", -1)
        prefect_form.submit(page)
        page.get_by_text("-1 is less than the minimum of 0").first.wait_for()
        assert wait_for_server("an answer", lambda client: [client.read_flow_runs()]) == [[]]
        prefect_form.choose(page, "preset", "sandbox-smoke")
        prefect_form.choose(page, "until", "filtering")
        prefect_form.write(page, "draws", 20)
        prefect_form.write(page, "name", "from-the-form")
        prefect_form.submit_and_leave(page)
        (run,) = wait_for_server("a run", lambda client: client.read_flow_runs())
        page.goto(f"{ui.ui}/runs/flow-run/{run.id}", wait_until="domcontentloaded")
        page.get_by_text("generation: 20 of 20 samples drawn").first.wait_for()
        page.get_by_text("filtering: drawn").first.wait_for()
        wait_for_server(
            "the end of the run", lambda client: client.read_flow_run(run.id).state.is_final()
        )
    with get_client(sync_client=True) as client:
        ended = client.read_flow_run(run.id)
        shown = client.read_artifacts(
            artifact_filter=ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[run.id]))
        )
    assert (ended.state_name, ended.state.message) == (
        "Completed",
        "from-the-form is done up to filtering",
    )
    assert ended.name.startswith("from-the-form (")  # the words that the form filled in
    assert {one.key for one in shown} == {"from-the-form-study", "from-the-form-funnel"}
    known = read_study_file(tmp_path / "studies" / "from-the-form")
    assert (known["config"]["name"], known["config"]["generation"]["draws"]) == (
        "from-the-form",
        20,
    )


def kill(worker):
    """End a worker and all that it started like a machine that goes: no signal handler runs."""
    for one in [*Process(worker.pid).children(recursive=True), Process(worker.pid)]:
        with suppress(NoSuchProcess):
            one.kill()
    worker.wait()


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_a_minute_and_the_page_ends_with_the_report(
    ui, tmp_path, monkeypatch
):
    monkeypatch.setattr(automations, "SILENCE", timedelta(seconds=45))
    with get_client(sync_client=True) as client:
        for one in automations.standing():
            automations.make(client, one)
        deployment = client.read_deployment_by_name("study/tuner")
    with prefect_form.browser_page() as page:
        with ui.worker(tmp_path / "studies") as worker:
            prefect_form.open_form(page, ui.ui, deployment)
            prefect_form.choose(page, "preset", "sandbox-smoke")
            prefect_form.write(page, "draws", 48)
            prefect_form.write(page, "name", "killed-once")
            prefect_form.picture(page, "form")
            prefect_form.submit_and_leave(page)
            (run,) = wait_for_server("a run", lambda client: client.read_flow_runs())
            page.goto(f"{ui.ui}/runs/flow-run/{run.id}", wait_until="domcontentloaded")
            page.get_by_text("generation: ").first.wait_for()
            kill(worker)
        with ui.worker(tmp_path / "studies"):
            wait_for_server(
                "the next session", lambda client: client.read_flow_run(run.id).run_count == 2
            )
            with get_client(sync_client=True) as client:
                states = client.read_flow_run_states(run.id)
            (crashed,) = [one for one in states if one.name == "Crashed"]
            began = [one for one in states if one.is_running()][-1]
            assert began.timestamp - crashed.timestamp < timedelta(minutes=1)
            page.get_by_text("report: ").first.wait_for(timeout=600_000)
            prefect_form.picture(page, "run")
        wait_for_server("the end", lambda client: client.read_flow_run(run.id).state.is_completed())
        page.get_by_text("Artifacts", exact=True).first.click()
        page.get_by_text("killed-once-report").first.wait_for()
