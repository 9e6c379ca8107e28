"""Constraints on an answer that a program can check."""

from __future__ import annotations

from synthetic_instruction_tuner.benchmarks import DEFAULT_ITEMS, Benchmark, Cost, Words

BENCHMARK = Benchmark(
    "instructions",
    "accuracy",
    Words(
        "Instructions",
        "instruction following",
        "Instructions whose fulfilment a program can check (length, keywords, format).",
    ),
    Cost(DEFAULT_ITEMS, answers=1),
    written=True,
    paragraphs=True,
    groups="clusters",
    version=2,
)
