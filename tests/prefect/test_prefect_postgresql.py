"""The server for a group, with the settings of `deployments/compose.yaml`, on a real PostgreSQL."""

import re
import sys
from pathlib import Path

import pytest
import yaml
from prefect.client.orchestration import get_client
from support import forking, postgresql
from support.prefect_server import OwnServer, wait_for_server

COMPOSE = Path(__file__).parents[2] / "deployments" / "compose.yaml"
SECRETS = {"POSTGRES_PASSWORD": postgresql.PASSWORD, "PREFECT_PASSWORD": "another"}

pytestmark = [
    pytest.mark.prefect,
    pytest.mark.slow,
    pytest.mark.skipif(postgresql.binaries() is None, reason=postgresql.MISSING),
]


def filled(text, **given):
    """A value of the file as docker compose reads it: ${NAME}, ${NAME:?...} and ${NAME:-...}."""

    def value(found):
        return (SECRETS | given).get(found[1]) or found[3]

    return re.sub(r"\$\{(\w+)(:[-?](.*?))?\}", value, text)


@pytest.fixture
def database():
    with postgresql.running() as made:
        yield made


class ComposedServer(OwnServer):
    """A server with what `compose.yaml` tells its image, at this machine's addresses."""

    def __init__(self, folder, database):
        super().__init__(folder / "home", f"tuner:{SECRETS['PREFECT_PASSWORD']}")
        self.home.mkdir()
        given = yaml.safe_load(COMPOSE.read_text())["services"]["server"]["environment"]
        told = {
            name: filled(text, PREFECT_SERVER_UI_API_URL=self.api) for name, text in given.items()
        }
        self.told = told | {
            "PREFECT_SERVER_DATABASE_HOST": "127.0.0.1",
            "PREFECT_SERVER_DATABASE_PORT": str(database.port),
            "PREFECT_HOME": str(self.home),
        }

    def environment(self, **more):
        return super().environment(**self.told | more)


def test_the_composed_server_deploys_and_runs_a_study(database, tmp_path):
    own = ComposedServer(tmp_path, database)
    try:
        own.start()
        command = [sys.executable, "-m", "tuner.main", "deploy"]
        deployed = forking.run(
            command, env=own.environment(), check=True, capture_output=True, text=True
        )
        assert "10 made" in deployed.stdout
        assert "SQLite" not in deployed.stdout
        assert "the slot stays taken" not in deployed.stdout
        with own.settings(), own.worker(tmp_path / "studies"):
            with get_client(sync_client=True) as client:
                deployment = client.read_deployment_by_name("study/tuner")
                told = {"preset": "sandbox-smoke", "until": "filtering", "draws": 20}
                run = client.create_flow_run_from_deployment(deployment.id, parameters=told)
            wait_for_server("the run's end", lambda it: it.read_flow_run(run.id).state.is_final())
            with get_client(sync_client=True) as client:
                assert client.read_flow_run(run.id).state_name == "Completed"
    finally:
        own.stop()
    assert "ERROR" not in database.log()
