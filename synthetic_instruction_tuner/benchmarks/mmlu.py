"""MMLU (Hendrycks et al., arXiv 2009.03300)."""

from __future__ import annotations

from synthetic_instruction_tuner.benchmarks import Benchmark, Cost, Words
from synthetic_instruction_tuner.benchmarks._mmlu import ROWS

BENCHMARK = Benchmark(
    "lm_eval",
    "acc",
    Words(
        "MMLU",
        "knowledge",
        "School and professional knowledge in many subjects; one of four answers is right and is "
        "chosen by its letter.",
    ),
    Cost(14042, tokens=110),
    Words(
        "Closed-world choice",
        "knowledge",
        "Questions of the closed world in MMLU's shape: eight subjects, one of four answers is "
        "right.",
    ),
    definition="mmlu/default/mmlu_{task}.yaml",
    dataset=ROWS,
    chance="choices",
)
