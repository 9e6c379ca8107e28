"""One GPU is one GPU: tasks that need it take turns, also across runs and workers."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from prefect.concurrency.sync import concurrency

LIMIT = "gpu"
"""Global concurrency limit of the Prefect server; `tuner deploy` makes it, with one slot."""
STAGES = frozenset({"generation", "preference", "training", "evaluation"})
LEASE_SECONDS = 90.0
"""How long a slot outlives the machine that held it."""


@contextmanager
def one_gpu(stage: str) -> Iterator[None]:
    """Hold the GPU's slot; where there is no GPU, or no such limit, nothing is held.

    A training run must not die because one renewal of its slot failed, so that is no error.
    """
    if stage not in STAGES or not has_gpu():
        yield
        return
    with concurrency(LIMIT, lease_duration=LEASE_SECONDS, raise_on_lease_renewal_failure=False):
        yield


def has_gpu() -> bool:
    """Whether this machine has an NVIDIA driver; asking torch would load it."""
    return shutil.which("nvidia-smi") is not None


def device_names() -> list[str]:
    """Name this machine's GPUs as their driver does; ["cpu"] without one."""
    if not has_gpu():
        return ["cpu"]
    query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()
