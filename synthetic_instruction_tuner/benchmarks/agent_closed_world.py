"""Tool calls about the closed world."""

from __future__ import annotations

from synthetic_instruction_tuner.benchmarks import Benchmark, Cost, Words

BENCHMARK = Benchmark(
    "agent",
    "success",
    Words(
        "Closed-world tool calls",
        "acting with tools",
        "One to three requests of the closed world in a conversation, each to be answered by one "
        "tool call.",
    ),
    Cost(90, answers=2),
    written=True,
    turns=True,
    in_distribution=True,
    items_from="closed_world",
)
