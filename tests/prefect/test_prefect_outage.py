"""Servers that go away and machines that die, for as long as they do in life: nothing is lost.

These tests wait more than they compute, so they are a file, and with it a process, of their own.
"""

import time
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import pytest
from prefect.states import Completed, Running, Suspended
from support.prefect_runs import OPS, assert_undisturbed, chunks, engine, tasks_of, wait_for_chunks
from support.prefect_server import wait_for_server
from support.waiting import wait_to_end

from tasks.gpu import LIMIT
from tasks.own_state import SILENT
from tuner import automations

CHUNKS = OPS.generation.draws // OPS.generation.chunk_size

pytestmark = pytest.mark.prefect


@pytest.mark.parametrize("seconds", [0, 60])
def test_a_run_outlives_its_server(own, client, deployment, tmp_path, seconds):
    root = tmp_path / "ops"
    run = client.create_flow_run_from_deployment(deployment)
    with engine(own, run.id, tmp_path) as process:
        wait_for_chunks(root, 1, process)
        own.stop()
        there = len(chunks(root))
        wait_for_chunks(root, there + 1, process)  # the work goes on
        time.sleep(seconds)  # how long the server is away is what is tested
        own.start()
        assert wait_to_end(process, log=tmp_path / "engine.log") == 0
    assert client.read_flow_run(run.id).state_name == "Completed"
    ended = wait_for_server("the end of all tasks", lambda client: tasks_of(client, run.id, CHUNKS))
    assert [one.state_name for one in ended] == ["Completed"] * CHUNKS
    assert_undisturbed(OPS, root, tmp_path / "undisturbed")
    assert client.read_global_concurrency_limit_by_name(LIMIT).active_slots == 0


# Two minutes, most of them waited: heartbeats come every 30 s at most, the GPU's lease has 90 s.
def test_a_dead_machine_is_noticed_a_suspended_run_is_none_and_the_gpu_is_given_back(
    own, client, deployment, tmp_path, monkeypatch
):
    monkeypatch.setattr(automations, "SILENCE", timedelta(seconds=45))
    for one in automations.standing():
        automations.make(client, one)
    root = tmp_path / "ops"
    suspended = client.create_flow_run_from_deployment(deployment)
    with engine(own, suspended.id, tmp_path) as process:
        wait_for_chunks(root, 1, process)
        client.set_flow_run_state(suspended.id, Suspended(timeout_seconds=900), force=True)
        assert wait_to_end(process, log=tmp_path / "engine.log") == 0
    dead = client.create_flow_run_from_deployment(deployment)
    with engine(own, dead.id, tmp_path) as process:
        wait_for_chunks(root, len(chunks(root)) + 1, process)
        process.kill()
    assert client.read_global_concurrency_limit_by_name(LIMIT).active_slots == 1
    own.stop()
    own.start()
    wait_for_server(
        "the dead run to be noticed",  # what follows waits for an event of before the restart
        lambda client: client.read_flow_run(dead.id).state_name == SILENT,
    )
    assert client.read_flow_run(suspended.id).state_name == "Suspended"
    wait_for_server(
        "the dead run's GPU slot",
        lambda client: client.read_global_concurrency_limit_by_name(LIMIT).active_slots == 0,
    )
    run = client.create_flow_run_from_deployment(deployment)
    with engine(own, run.id, tmp_path) as process:
        assert wait_to_end(process, log=tmp_path / "engine.log") == 0
    assert_undisturbed(OPS, root, tmp_path / "undisturbed")


def heartbeat(run):
    now = datetime.now(timezone.utc).isoformat()
    resource = {"prefect.resource.id": f"prefect.flow-run.{run}"}
    return {
        "id": str(uuid4()),
        "event": "prefect.flow-run.heartbeat",
        "occurred": now,
        "resource": resource,
    }


def refusals(client):
    """How often an automation proposed a state that the server refused."""
    name = "prefect.automation.action.failed"
    wanted = {"filter": {"event": {"name": [name]}}, "limit": 50}
    return client.request("POST", "/events/filter", json=wanted).json()["total"]


def test_events_that_are_lost_touch_neither_ended_nor_suspended_runs(
    own, client, deployment, monkeypatch
):
    monkeypatch.setattr(automations, "SILENCE", timedelta(seconds=10))
    for one in automations.standing():
        automations.make(client, one)
    runs = {}
    for name, state in (
        ("ended", Completed()),
        ("suspended", Suspended(timeout_seconds=900)),
        ("forgotten", Suspended(timeout_seconds=1)),
        ("dead", None),
    ):
        runs[name] = client.create_flow_run_from_deployment(deployment).id
        client.set_flow_run_state(runs[name], Running(), force=True)
        if state is not None:
            client.set_flow_run_state(runs[name], state, force=True)
    # After each state a last heartbeat: to the server, whatever said that no more comes is lost.
    beats = [heartbeat(runs[name]) for name in ("ended", "suspended", "dead")]
    client.request("POST", "/events", json=beats)

    def state(name):
        return client.read_flow_run(runs[name]).state

    wait_for_server("the dead run to go on", lambda _: state("dead").name == "AwaitingRetry")
    passed = [one.name for one in client.read_flow_run_states(runs["dead"])]
    assert passed[-3:] == [SILENT, "Crashed", "AwaitingRetry"]
    wait_for_server("two refusals", lambda client: refusals(client) >= 2)
    assert state("ended").name == "Completed"
    assert state("suspended").name == "Suspended"
    wait_for_server("an end of what nobody resumed", lambda _: state("forgotten").is_cancelled())
    assert "start a new run on the same workspace" in state("forgotten").message
