"""What is measured on what: a model under test and a benchmark, by name."""

from __future__ import annotations

from dataclasses import dataclass

from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.methods import MethodConfig

BASE = "base"


@dataclass(frozen=True)
class Subject:
    """A model under test: the base, or one arm trained with one seed.

    Attributes:
        name: "base", "sft", or "sft-seed43" for a further seed.
        arm: The arm's settings; None for the base.
        seed: The training seed; None for the base.
    """

    name: str
    arm: MethodConfig | None = None
    seed: int | None = None


def benchmark_key(benchmark: BenchmarkConfig) -> str:
    """Return a benchmark's folder and column name."""
    return benchmark.key
