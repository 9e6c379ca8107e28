"""One study, three workers: each piece is made once, by whoever is free, and nothing is lost."""

import os
import subprocess
import sys

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL
from support import forking
from support.machines import at_work, belongs_to, kill_tree, samples
from support.waiting import wait_for

from flows.generation import generation
from flows.helper import helper
from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.storage.claims import read
from synthetic_instruction_tuner.study.workspace import LEASE_FILE, open_study, try_claim
from tasks.step import claim_name
from tuner.server import describe_pool

POOL = "fan-out"
SMALL = ["generation.draws=96", "generation.chunk_size=4", "generation.batch_size=1"]
AT_ONCE = ["generation.draws=96", "generation.chunk_size=96", "generation.batch_size=32"]
FAN_OUT = ["runner.kind=workers", "runner.parallel=3"]

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]


@pytest.fixture(scope="module")
def client(prefect_server):
    with get_client(sync_client=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def deployment(client):
    """Generation and the helpers, in a pool that only the workers of this file serve."""
    client.create_work_pool(describe_pool(POOL), overwrite=True)
    names = {helper: "any", generation: POOL}
    made = [
        client.create_deployment(
            flow_id=client.create_flow(flow),
            name=name,
            entrypoint=f"flows/{flow.name}.py:{flow.name}",
            pull_steps=[{"tasks.location.enter_code": {}}],
            work_pool_name=POOL,
        )
        for flow, name in names.items()
    ]
    return made[1]


@pytest.fixture(scope="module")
def workers(deployment, tmp_path_factory):
    """Three machines that carry one run each."""
    folder = tmp_path_factory.mktemp("workers")
    options = ["--pool", POOL, "--type", "process", "--limit", "1"]
    environment = os.environ | {
        "PREFECT_API_URL": PREFECT_API_URL.value(),
        "PREFECT_HOME": str(folder / "home"),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "OMP_NUM_THREADS": "1",
    }
    with (folder / "log").open("w") as log:
        started = [
            forking.Popen(
                [sys.executable, "-m", "prefect", "worker", "start", *options],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            for _ in range(3)
        ]
    yield [one.pid for one in started]
    for one in started:
        kill_tree(one.pid)
        one.wait()


@pytest.fixture
def start(client, deployment):
    """Start a run as the UI does: some worker takes it."""

    def start(root, overrides):
        config = presets.load("sandbox-smoke", [*SMALL, *overrides]).model_dump(mode="json")
        parameters = {"config": config, "workspace": str(root)}
        return client.create_flow_run_from_deployment(deployment, parameters=parameters).id

    return start


@pytest.fixture
def ended(client):
    """Wait for the end of a run and return its last state."""

    def ended(run):
        def look():
            state = client.read_flow_run(run).state
            return state if state.is_final() else None

        return wait_for(f"the end of run {run}", look, pause=0.5)

    return ended


def test_a_worker_dies_and_the_others_make_its_pieces(workers, client, start, ended, tmp_path):
    root = tmp_path / "shared"
    run = start(root, FAN_OUT)
    leader = wait_for("a leader", lambda: read(root / LEASE_FILE).get("pid"))
    victim = wait_for(
        "a helper", lambda: next((p for p in at_work(root).values() if p != leader), None)
    )
    (machine,) = [one for one in workers if belongs_to(victim, one)]
    kill_tree(machine)
    assert ended(run).is_completed()
    helpers = [one for one in client.read_flow_runs() if one.name.startswith("sandbox-smoke: help")]
    made = [ended(one.id).message for one in helpers if one.state_name == "Completed"]

    generation(config=presets.load("sandbox-smoke", AT_ONCE), workspace=str(tmp_path / "alone"))
    assert samples(root) == samples(tmp_path / "alone")
    assert not (root / ".superseded").exists()  # no piece was made twice
    assert any(one.endswith("of 24 pieces made here") and one[0] != "0" for one in made)
    assert at_work(root) == {}


def test_two_workers_with_a_run_each_on_one_workspace(workers, client, start, ended, tmp_path):
    def is_over(run):
        return client.read_flow_run(run).state.is_final()

    config = presets.load("sandbox-smoke", [*SMALL, "generation.draws=4"])
    study = open_study(config, tmp_path / "one")
    with try_claim(study.root, claim_name(study.chunk(0, 3))):  # so that neither ends at once
        runs = [start(study.root, ["generation.draws=4"]) for _ in range(2)]
        refused = wait_for(
            "one run to be refused", lambda: next(filter(is_over, runs), None), pause=0.5
        )
    (other,) = [one for one in runs if one != refused]
    assert "in use by process" in ended(refused).message
    assert ended(other).is_completed()
    assert samples(study.root).count(b"\n") == 4
