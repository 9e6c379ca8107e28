"""AgentBench's tasks on tables (Liu et al., arXiv 2308.03688)."""

from __future__ import annotations

from synthetic_instruction_tuner.benchmarks import Benchmark, Cost, Words

BENCHMARK = Benchmark(
    "database",
    "success",
    Words(
        "Database tasks",
        "acting with tools",
        "AgentBench's questions and changes on tables, in SQL, checked by their end state.",
    ),
    Cost(300, answers=3),
    written=True,
    turns=True,
    groups="clusters",
)
