"""Every test runs offline, with quiet libraries and no trace of the user's own Prefect."""

import os
import subprocess
import sys

import pytest
from filelock import FileLock

os.environ.setdefault("OMP_NUM_THREADS", "1")  # more threads than idle cores: 30 times slower
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")


def pytest_xdist_auto_num_workers():
    """Return one process more than cores: some tests wait, for servers and for what is away."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items):
    """Begin with the file that waits for minutes, so that nothing waits for it in the end."""
    items.sort(key=lambda item: item.path.name != "test_prefect_outage.py")


@pytest.fixture(scope="session")
def migrated_home(tmp_path_factory, worker_id):
    """A Prefect home with an empty, migrated database: what a new machine has after a minute.

    Tests copy it. It is made once, whichever process of the test run needs it first.
    """
    base = tmp_path_factory.getbasetemp()
    home = (base if worker_id == "master" else base.parent) / "migrated-prefect-home"
    with FileLock(f"{home}.lock"):
        if not home.exists():
            command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
            environment = os.environ | {"PREFECT_HOME": f"{home}.new"}
            subprocess.run(command, env=environment, check=True, capture_output=True)
            os.rename(f"{home}.new", home)
    return home
