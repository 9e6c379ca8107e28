"""Two clocks and the memory of one side of `training.py`."""

from __future__ import annotations

import os
import time
from pathlib import Path


class Clock:
    """Wall and processor time between the first start and the stop, and memory at the start."""

    def __init__(self) -> None:
        self._found: dict[str, float] = {}

    def start(self) -> None:
        """Start, if it has not been started."""
        if not self._found:
            self._found = {"before": held(), "wall": now(), "cpu": time.process_time()}

    def stop(self) -> None:
        """Stop; a GPU is waited for."""
        self._found["seconds"] = now() - self._found["wall"]
        self._found["cpu_seconds"] = time.process_time() - self._found["cpu"]

    def result(self) -> dict[str, float]:
        """Return seconds, cpu_seconds, and the bytes held before."""
        return {name: self._found[name] for name in ("seconds", "cpu_seconds", "before")}


def now() -> float:
    """Return the wall clock after all work on a GPU is done."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def held() -> int:
    """Return the bytes held now: tensors on a GPU, the process on a CPU."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.memory_allocated())
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak(kinds: dict[str, int]) -> int:
    """Return what a comparison of methods looks at: tensors on a GPU, the process on a CPU."""
    return kinds.get("allocated", kinds.get("rss", 0))
