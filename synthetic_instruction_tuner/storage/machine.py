"""The machine and the packages that made an artifact: what a reader needs to repeat it."""

from __future__ import annotations

import os
import platform
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import TypedDict

PACKAGES = (
    *("accelerate", "bitsandbytes", "datasets", "lm-eval", "numpy", "peft", "scipy", "torch"),
    *("transformers", "trl", "vllm"),
)
"""Packages whose version can change what a stage writes."""


class Machine(TypedDict):
    """What an artifact was made on; no host name, no user, no path.

    Attributes:
        system: Operating system with its version.
        processor: Model of the CPU. GPUs stand in the conditions of a run: not all stages use them.
        cores: Cores that the process may use.
        memory_bytes: Memory of the machine.
        packages: Version of Python and of every package of `PACKAGES` that is installed.
    """

    system: str
    processor: str
    cores: int
    memory_bytes: int
    packages: dict[str, str]


@lru_cache(maxsize=1)
def describe() -> Machine:
    """Describe this machine."""
    import psutil

    return Machine(
        system=platform.platform(),
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else _all_cores(),
        memory_bytes=int(psutil.virtual_memory().total),
        packages={"python": platform.python_version(), **_versions()},
    )


def _all_cores() -> int:
    return os.cpu_count() or 1


def _processor() -> str:
    table = Path("/proc/cpuinfo")
    lines = table.read_text("utf-8", "replace").splitlines() if table.is_file() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
