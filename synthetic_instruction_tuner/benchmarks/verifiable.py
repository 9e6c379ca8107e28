"""Held-out instructions of the closed world, judged by its checker."""

from __future__ import annotations

from synthetic_instruction_tuner.benchmarks import DEFAULT_ITEMS, Benchmark, Cost, Words

BENCHMARK = Benchmark(
    "verifiable",
    "accuracy",
    Words(
        "Verifiable answers",
        "right answers",
        "Held-out instructions like those trained on, the answer written freely and checked "
        "by a program.",
    ),
    Cost(DEFAULT_ITEMS, answers=1),
    written=True,
    groups="clusters",
    in_distribution=True,
)
