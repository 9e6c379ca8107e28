"""Every test runs offline, with quiet libraries and no trace of the user's own Prefect."""

import os
import sys

import pytest
from filelock import FileLock
from support import forking

LONGEST = {
    f"test_{name}": place
    for place, name in enumerate(
        (
            "prefect_outage",
            "chaos_short",
            "study_whole",
            "prefect_fan_out",
            "prefect_operations",
            "training_resume",
            "training_several",
        )
    )
}
"""The files that take minutes."""

os.environ.setdefault("OMP_NUM_THREADS", "1")  # more threads than idle cores: 30 times slower
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # bitsandbytes would load the compiler: seconds
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # else every process compiles the project anew
sys.dont_write_bytecode = False
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")


def pytest_xdist_auto_num_workers():
    """Return one process more than cores: some tests wait, for servers and for what is away."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items):
    """Begin with the longest files, so that nothing waits for them in the end."""
    items.sort(key=lambda item: LONGEST.get(item.path.stem, len(LONGEST)))


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory, worker_id):
    """A folder for what is made once, whichever process of the test run needs it first."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def forks(shared_folder, worker_id):
    """Let `support.forking` fork from a process that has imported everything."""
    with FileLock(shared_folder / "forks.lock"):
        forking.connect(shared_folder, os.getpid() if worker_id == "master" else os.getppid())


@pytest.fixture(scope="session")
def migrated_home(shared_folder, forks):
    """A Prefect home with an empty, migrated database: what a new machine has after a minute.

    Tests copy it.
    """
    home = shared_folder / "migrated-prefect-home"
    with FileLock(f"{home}.lock"):
        if not home.exists():
            command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "-y"]
            environment = os.environ | {"PREFECT_HOME": f"{home}.new"}
            forking.run(command, env=environment, check=True, capture_output=True)
            os.rename(f"{home}.new", home)
    return home
