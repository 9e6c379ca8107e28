"""How fast a model reads and writes: a measurement without items."""

from __future__ import annotations

from synthetic_instruction_tuner.benchmarks import Benchmark

BENCHMARK = Benchmark("speed", "tokens_per_second")
