"""Scheduled generation: sessions that die, a target that is reached once, a schedule that ends."""

import json
import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from functools import partial
from itertools import count
from pathlib import Path

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_API_URL
from prefect.states import Crashed, Pending
from support import forking
from support.prefect_runs import chunks, wait_for_chunks

from flows.generation import generation
from flows.scheduled_generation import scheduled_generation
from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.study.session import Session
from tasks import step

ROOT = Path(__file__).parents[2]
CONFIG = presets.load("sandbox-smoke", ["generation.draws=40", "generation.chunk_size=8"])

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]


@pytest.fixture
def client(prefect_server):
    with get_client(sync_client=True) as opened:
        yield opened


@pytest.fixture
def deployment(client, tmp_path):
    """What `tuner deploy` makes: an hourly schedule, one run at a time, the rest cancelled."""
    identity = client.create_deployment(
        flow_id=client.create_flow(scheduled_generation),
        name="test",
        entrypoint="flows/scheduled_generation.py:scheduled_generation",
        pull_steps=[{"tasks.location.enter_code": {}}],
        parameters={
            "config": CONFIG.model_dump(mode="json"),
            "workspace": str(tmp_path / "sessions"),
        },
        concurrency_limit=1,
        concurrency_options={"collision_strategy": "CANCEL_NEW"},
        schedules=[
            DeploymentScheduleCreate(schedule=CronSchedule(cron="0 * * * *"), slug="hourly")
        ],
    )
    return client.read_deployment(identity)


@pytest.fixture
def open_log(tmp_path):
    with (tmp_path / "log").open("w") as log:
        yield log


def due_runs(client, deployment, since, until=0):
    """Runs that the schedule makes for the hours from `since` to `until` hours ago."""
    now = datetime.now(timezone.utc)
    known = {one.id for one in client.read_flow_runs()}
    start, end = (now - timedelta(hours=hours) for hours in (since, until))
    client.request(
        "POST",
        "/deployments/{id}/schedule",
        path_params={"id": deployment.id},
        json={
            "start_time": str(start),
            "end_time": str(end),
            "min_runs": since - until,
            "max_runs": since - until,
        },
    )
    due = [one for one in client.read_flow_runs() if one.id not in known]
    assert [one.deployment_id for one in due] == [deployment.id] * (since - until)
    return sorted(due, key=lambda one: one.expected_start_time)


def session(run, log):
    """Start a run as a worker does: in a process of its own, which gets to know the run only."""
    environment = os.environ | {
        "PREFECT_API_URL": PREFECT_API_URL.value(),
        "PREFECT__FLOW_RUN_ID": str(run.id),
        "OMP_NUM_THREADS": "1",
    }
    return forking.Popen(
        [sys.executable, "-m", "prefect.engine"],
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
    )


def kill_after(process, root, count):
    """End a session like a Colab VM that goes: no signal handler runs."""
    wait_for_chunks(root, count, process)
    process.send_signal(signal.SIGKILL)
    process.wait(60)


def test_three_killed_sessions_reach_the_target_and_the_schedule_pauses(
    client, deployment, tmp_path, open_log
):
    root, log = tmp_path / "sessions", open_log

    def state(run):
        return client.read_flow_run(run.id).state

    def killed_session(run, done):
        client.set_flow_run_state(run.id, Pending())
        kill_after(session(run, log), root, done)

    def crash(run):
        client.set_flow_run_state(run.id, Crashed(), force=True)  # what the automation does

    first, *late = due_runs(client, deployment, 9, 6)  # no worker was there for hours
    killed_session(first, 1)
    assert {(state(one).name, state(one).message) for one in late} == {
        ("Cancelled", "Due, but run 'sandbox-smoke: samples' does for it")
    }
    (refused,) = due_runs(client, deployment, 6, 5)  # a worker with room takes it
    client.set_flow_run_state(refused.id, Pending())
    assert state(refused).name == "Cancelled"
    (waiting,) = due_runs(client, deployment, 5, 4)  # no worker has room for it
    crash(first)
    for hour, done in ((4, 2), (3, 4)):
        (run,) = due_runs(client, deployment, hour, hour - 1)
        killed_session(run, done)
        crash(run)
    assert state(waiting).name == "Cancelled"
    (last,) = due_runs(client, deployment, 2, 1)
    client.set_flow_run_state(last.id, Pending())
    run_flow(scheduled_generation, flow_run=client.read_flow_run(last.id))
    ended = client.read_flow_run(last.id).state
    assert ended.is_completed()
    assert ended.message.startswith("40 of 40 samples drawn")
    assert ended.message.endswith("nothing left to draw; its schedule is paused")
    assert [one.active for one in client.read_deployment_schedules(deployment.id)] == [False]

    generation(config=CONFIG, workspace=str(tmp_path / "undisturbed"))
    expected = {path.parent.name: path.read_bytes() for path in chunks(tmp_path / "undisturbed")}
    assert {path.parent.name: path.read_bytes() for path in chunks(root)} == expected
    assert len(expected) == 5


def test_a_session_leaves_at_a_chunk_boundary_and_says_when_all_will_be_there(tmp_path):
    state = scheduled_generation(
        config=CONFIG,
        workspace=str(tmp_path),
        session={"samples": 10, "minutes": 30},
        return_state=True,
    )
    assert state.message.startswith("16 of 40 samples drawn; ")
    assert "of work left (1 session of 30 minutes)" in state.message
    assert "session.samples=10 used up: 16 drawn; the next run goes on" in state.message
    assert len(chunks(tmp_path)) == 2


def test_a_budget_of_compute_units_ends_a_session_at_a_chunk_boundary(tmp_path, monkeypatch):
    monkeypatch.setattr(step, "device_names", lambda: ["Tesla T4"])
    minutes = partial(Session, clock=count(0, 60).__next__)  # each look at the clock is a minute
    monkeypatch.setattr(step, "Session", minutes)
    budget = {"compute_units": 0.03}  # 1.5 minutes at 1.19 units an hour
    state = scheduled_generation(
        config=CONFIG, workspace=str(tmp_path), session=budget, return_state=True
    )
    assert state.message.startswith("8 of 40 samples drawn; ")
    assert "session.compute_units=0.03 used up" in state.message
    monkeypatch.setattr(step, "device_names", lambda: ["cpu"])
    with pytest.raises(ConfigurationError, match=r"'cpu' has no rate in costs"):
        scheduled_generation(config=CONFIG, workspace=str(tmp_path), session=budget)


def test_a_study_that_imports_its_rows_has_nothing_to_schedule(tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"instruction": "Name a colour.", "response": "Red."}))
    config = presets.load("sandbox-smoke", [f"generation.source={rows}"])
    with pytest.raises(ConfigurationError, match=r"generation\.source"):
        scheduled_generation(config=config, workspace=str(tmp_path / "study"))
