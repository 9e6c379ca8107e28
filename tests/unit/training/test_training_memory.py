"""Peaks of memory, by phase and kind."""

import pytest

from synthetic_instruction_tuner.models.memory import measure
from synthetic_instruction_tuner.models.memory.measure import Memory


class Gpu:
    """A GPU of 100 bytes as `torch.cuda` tells of it."""

    taken = 30

    def empty_cache(self) -> None: ...

    def reset_peak_memory_stats(self) -> None: ...

    def mem_get_info(self) -> tuple[int, int]:
        return 100 - self.taken, 100

    def max_memory_allocated(self) -> int:
        return self.taken - 20

    def max_memory_reserved(self) -> int:
        return self.taken - 10


def test_a_gpu_has_three_kinds_of_peak_a_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu, memory = Gpu(), Memory()
    monkeypatch.setattr(measure, "_cuda", lambda: gpu)
    for taken in (50, 40):
        with memory.phase("train"):
            gpu.taken = taken
    found = {kind: value for kind, value in memory.peaks["train"].items() if kind != "rss"}
    assert found == {"allocated": 30, "reserved": 40, "driver": 50}
