"""Plans, tool calls and corrections, executed and checked."""

from __future__ import annotations

from synthetic_instruction_tuner.benchmarks import Benchmark, Cost, Words

BENCHMARK = Benchmark(
    "agent",
    "success",
    Words(
        "Agent tasks",
        "acting with tools",
        "Plans, tool calls and corrections, executed and checked by a program.",
    ),
    Cost(375, answers=2),  # an estimate: a task needs 1.8 on average
    written=True,
    turns=True,
    groups="clusters",
)
