"""One study on a Ray cluster of two nodes, one of which dies."""

import json
import threading

import pytest
from support.machines import at_work, belongs_to, kill_tree, samples
from support.waiting import wait_for

from flows.generation import generation
from synthetic_instruction_tuner.config import presets

ray = pytest.importorskip("ray", reason="prefect-ray is not installed")

SMALL = ["generation.draws=24", "generation.chunk_size=4", "generation.batch_size=2"]

pytestmark = [
    pytest.mark.prefect,
    pytest.mark.ray,
    pytest.mark.usefixtures("prefect_server"),
]


@pytest.fixture
def cluster(monkeypatch):
    """Two nodes with room for one piece each."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    small = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **small})
    made.add_node(num_cpus=1, **small)
    yield made
    ray.shutdown()
    made.shutdown()


def test_a_node_dies_and_the_other_makes_its_pieces(cluster, tmp_path):
    root = tmp_path / "shared"
    settings = [*SMALL, "runner.kind=ray", f"runner.address={cluster.address}"]
    killed = []

    def kill_a_node():
        (node,) = cluster.worker_nodes
        raylet = node.all_processes["raylet"][0].process.pid

        def victim():
            return next((one for one in at_work(root).values() if belongs_to(one, raylet)), None)

        killed.append(wait_for("a piece of the second node", victim))
        kill_tree(raylet)

    killer = threading.Thread(target=kill_a_node)
    killer.start()
    generation(config=presets.load("sandbox-smoke", settings), workspace=str(root))
    killer.join()
    assert len(killed) == 1

    generation(config=presets.load("sandbox-smoke", SMALL), workspace=str(tmp_path / "alone"))
    assert samples(root) == samples(tmp_path / "alone")
    assert not (root / ".superseded").exists()  # no piece was made twice
    for record in (root / ".prefect-results").iterdir():
        assert json.loads(record.read_text())["metadata"]["serializer"] == {"type": "tuner-json"}
