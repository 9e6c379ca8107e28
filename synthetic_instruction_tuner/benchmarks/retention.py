"""Facts whose knowledge training should not cost."""

from __future__ import annotations

from synthetic_instruction_tuner.benchmarks import DEFAULT_ITEMS, Benchmark, Cost, Words

BENCHMARK = Benchmark(
    "retention",
    "accuracy",
    Words(
        "Retained facts",
        "knowledge kept",
        "Plain sentences about known facts, without any template; one of four ends is right.",
    ),
    Cost(DEFAULT_ITEMS, tokens=40),
    chance="choices",
)
