"""One GPU is one GPU: tasks that need it take turns, also across runs and workers."""

from __future__ import annotations

import logging
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import httpx
from prefect.concurrency.sync import concurrency

logger = logging.getLogger(__name__)

LIMIT = "gpu"
"""Global concurrency limit of the Prefect server; `tuner deploy` makes it, with one slot."""
STAGES = frozenset({"generation", "preference", "training", "evaluation"})
LEASE_SECONDS = 90.0
"""How long a slot outlives the machine that held it."""

_held = False


@contextmanager
def one_gpu(*stages: str) -> Iterator[None]:
    """Hold the GPU's slot; where there is no GPU, or no such limit, nothing is held.

    A process takes it once: held around many pieces of work, those go on while the server is away.
    A training run must not die because one renewal of its slot failed, so that is no error.
    """
    global _held
    if _held or STAGES.isdisjoint(stages) or not has_gpu():
        yield
        return
    slot = concurrency(LIMIT, lease_duration=LEASE_SECONDS, raise_on_lease_renewal_failure=False)
    slot.__enter__()
    _held = True
    try:
        yield
    finally:
        _held = False
        _give_back(slot)


def _give_back(slot: AbstractContextManager[None]) -> None:
    """Give the slot back; work that is done does not fail because the server is away just now."""
    try:
        slot.__exit__(None, None, None)
    except httpx.HTTPError as error:
        logger.warning(
            "the GPU's slot could not be given back (%s); the server frees it within %.0f s",
            error,
            LEASE_SECONDS,
        )


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
