"""What PyTorch's CPU allocator really hands out while something runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any


def handed_out(work: Callable[[], None]) -> int:
    """Return the most bytes that PyTorch's CPU allocator had handed out at once during `work`."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as found:
        work()
    events = [one for one in found.profiler.kineto_results.events() if one.name() == "[memory]"]
    held = peak = 0
    for one in sorted(events, key=lambda event: event.start_ns()):
        held += one.nbytes()
        peak = max(peak, held)
    return peak


def idle(model: Any) -> int:
    """Return the bytes of mapped weights' files that belong to no tensor of the model.

    An unquantised tensor is a piece of its file and keeps all of it mapped; the pages of others,
    read once to be packed into four bits, are the system's to take back.
    """
    mapped = [
        [int(end, 16) for end in line.split()[0].split("-")]
        for line in Path("/proc/self/maps").read_text().splitlines()
        if line.endswith(".safetensors")
    ]
    used: int = sum(
        one.nbytes
        for one in {one.data_ptr(): one for one in model.parameters()}.values()
        if any(first <= one.data_ptr() < last for first, last in mapped)
    )
    return sum(last - first for first, last in mapped) - used
