"""Prefect servers: a temporary one for most tests, one of their own for those that disturb it."""

import os
import shutil
from functools import partial
from pathlib import Path
from tempfile import mkdtemp

import pytest
from prefect.client.orchestration import get_client
from prefect.events.worker import EventsWorker
from prefect.server.api import server as api
from prefect.settings import PREFECT_HOME, temporary_settings
from prefect.testing import utilities
from support import forking
from support.prefect_runs import OPS
from support.prefect_server import KEY, OwnServer, free_port

from flows.generation import generation
from tuner import deployment_file, server


@pytest.fixture(scope="session")
def prefect_server(migrated_home, tmp_path_factory):
    """Prefect's own test harness, on a copy of the migrated database and in a forked process."""
    home = tmp_path_factory.mktemp("prefect-home")
    database = Path(mkdtemp(dir=home))
    shutil.copy(migrated_home / "prefect.db", database / "prefect-test.db")
    with (
        pytest.MonkeyPatch.context() as patch,
        temporary_settings({PREFECT_HOME: home}),
    ):
        # Of two processes that draw from Prefect's thousand ports at once, one would work with the
        # other's server until that ends; the system gives every process another one.
        patch.setattr(utilities, "_find_available_port", free_port)
        patch.setattr(utilities, "mkdtemp", lambda: str(database))
        patch.setattr(api, "subprocess", forking)
        with utilities.prefect_test_harness(server_startup_timeout=60):
            yield
            # Events for servers that other tests have ended would be waited for without end.
            EventsWorker.drain_all = partial(EventsWorker.drain_all, timeout=10)


@pytest.fixture(scope="module")
def own(migrated_home, tmp_path_factory):
    """A server with a key, and machines with a GPU: `nvidia-smi` is all that is asked for one."""
    folder = tmp_path_factory.mktemp("own")
    shutil.copytree(migrated_home, folder / "home")
    (folder / "bin").mkdir()
    (folder / "bin" / "nvidia-smi").write_text("#!/bin/sh\necho Tesla T4\n")
    (folder / "bin" / "nvidia-smi").chmod(0o755)
    made = OwnServer(folder / "home", KEY)
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{folder / 'bin'}:{path}"
    try:
        made.start()
        yield made
    finally:
        made.stop()
        os.environ["PATH"] = path


@pytest.fixture
def client(own):
    """Speaks to the server of one's own; modules that share the common server define their own."""
    with own.settings(), get_client(sync_client=True) as opened:
        yield opened


@pytest.fixture
def deployment(client, tmp_path):
    """Generation of study `ops`, in a folder `ops` of the test."""
    server.make_pool(client)
    server.make_gpu_limit(client)
    return client.create_deployment(
        flow_id=client.create_flow(generation),
        name="ops",
        entrypoint="flows/generation.py:generation",
        pull_steps=[{"tasks.location.enter_code": {}}],
        work_pool_name=server.POOL,
        job_variables={"env": deployment_file.environment()},
        parameters={"config": OPS.model_dump(mode="json"), "workspace": str(tmp_path / "ops")},
    )
