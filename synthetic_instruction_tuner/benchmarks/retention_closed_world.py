"""Facts that only the embedded student's own text told of."""

from __future__ import annotations

from synthetic_instruction_tuner.benchmarks import Benchmark, Cost, Words

BENCHMARK = Benchmark(
    "retention",
    "accuracy",
    Words(
        "Retained town facts",
        "knowledge kept",
        "Plain sentences about made-up towns that only the base's own text told of; one of four "
        "ends is right.",
    ),
    Cost(320, tokens=40),
    chance="choices",
    items_from="closed_world",
)
