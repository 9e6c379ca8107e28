"""Servers that go away and machines that die, for as long as they do in life: nothing is lost.

These tests wait more than they compute, so they are a file, and with it a process, of their own.
"""

import time
from datetime import timedelta

import pytest
from prefect.states import Suspended
from support.prefect_runs import OPS, assert_undisturbed, chunks, engine, tasks_of, wait_for_chunks
from support.prefect_server import wait_for_server
from support.waiting import wait_to_end

from tasks.gpu import LIMIT
from tuner import server

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
    monkeypatch.setattr(server, "SILENCE", timedelta(seconds=45))
    server.make_automation(client, server.dead_run_automation())
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
        "the dead run to be Crashed",
        lambda client: client.read_flow_run(dead.id).state_name == "Crashed",
    )
    assert "No sign of life" in client.read_flow_run(dead.id).state.message
    assert client.read_flow_run(suspended.id).state_name == "Suspended"
    wait_for_server(
        "the dead run's GPU slot",
        lambda client: client.read_global_concurrency_limit_by_name(LIMIT).active_slots == 0,
    )
    run = client.create_flow_run_from_deployment(deployment)
    with engine(own, run.id, tmp_path) as process:
        assert wait_to_end(process, log=tmp_path / "engine.log") == 0
    assert_undisturbed(OPS, root, tmp_path / "undisturbed")
