"""Costs of a run: parameters, peak memory by phase, time of the steps alone."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

Peaks = dict[str, dict[str, int]]


def trained_parameters(model: PreTrainedModel) -> int:
    """Count the parameters that receive gradients."""
    return sum(size(one) for one in model.parameters() if one.requires_grad)


def total_parameters(model: PreTrainedModel) -> int:
    """Count all parameters: tied ones once, 4-bit ones as the numbers they stand for."""
    return sum(size(one) for one in model.parameters())


def size(parameter: torch.nn.Parameter) -> int:
    """Count the numbers a parameter holds; bitsandbytes packs two 4-bit ones into a byte."""
    packed = type(parameter).__name__ == "Params4bit"
    count: int = parameter.numel()
    return count * 2 * parameter.element_size() if packed else count


def shipped_parameters(folder: Path) -> int:
    """Count the numbers in the safetensors files of a folder, by their headers alone."""
    total = 0
    for path in folder.glob("*.safetensors"):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        for name, entry in header.items():
            if name != "__metadata__":
                count = 1
                for extent in entry["shape"]:
                    count *= extent
                total += count
    return total


def weight_bytes(folder: Path) -> int:
    """Return the size of the safetensors files of a folder."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


class Memory:
    """Peak memory of each phase of a run, over all its sessions.

    On a GPU: "allocated" (tensors) and "reserved" (what the allocator took) of PyTorch, and
    "driver": all that the driver says is taken at the end of the phase, the context and other
    processes included. Everywhere: "rss", the process' largest resident size in the phase, where
    the system can tell (Linux).
    """

    def __init__(self, peaks: Peaks | None = None) -> None:
        self.peaks: Peaks = peaks or {}
        self._phase: str | None = None

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure what happens inside as phase `name`; phases may repeat, but not nest."""
        _reset_peaks()
        self._phase = name
        try:
            yield
        finally:
            self.sample()
            self._phase = None

    def sample(self) -> None:
        """Take the peak of the running phase so far into account."""
        if self._phase is not None:
            self.peaks = merge(self.peaks, {self._phase: _read_peaks()})


def merge(first: Peaks, second: Peaks) -> Peaks:
    """Take the larger value of every phase and kind."""
    merged = {phase: dict(kinds) for phase, kinds in first.items()}
    for phase, kinds in second.items():
        held = merged.setdefault(phase, {})
        for kind, value in kinds.items():
            held[kind] = max(value, held.get(kind, 0))
    return merged


def _reset_peaks() -> None:
    cuda = _cuda()
    if cuda is not None:
        cuda.empty_cache()
        cuda.reset_peak_memory_stats()
    try:
        Path("/proc/self/clear_refs").write_text("5")  # man 5 proc: resets the peak resident size
    except OSError:
        return


def _read_peaks() -> dict[str, int]:
    cuda = _cuda()
    gpu = {}
    if cuda is not None:
        free, total = cuda.mem_get_info()
        gpu = {
            "allocated": cuda.max_memory_allocated(),
            "reserved": cuda.max_memory_reserved(),
            "driver": total - free,
        }
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return gpu
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return gpu | ({"rss": int(found.group(1)) * 1024} if found else {})


def _cuda() -> Any:
    import torch

    return torch.cuda if torch.cuda.is_available() else None


class Stopwatch:
    """Adds up the time of the optimizer steps; a GPU is waited for at both ends."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    @contextmanager
    def running(self) -> Iterator[None]:
        """Add the time spent inside."""
        start = _now()
        yield
        self.seconds += _now() - start


def _now() -> float:
    cuda = _cuda()
    if cuda is not None:
        cuda.synchronize()
    return time.perf_counter()
