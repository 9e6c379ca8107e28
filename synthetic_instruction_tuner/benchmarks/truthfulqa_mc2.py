"""TruthfulQA: the probability of all true answers."""

from __future__ import annotations

from synthetic_instruction_tuner.benchmarks import Benchmark, Cost, Words
from synthetic_instruction_tuner.benchmarks._truthfulqa import ROWS

BENCHMARK = Benchmark(
    "lm_eval",
    "acc",
    Words(
        "TruthfulQA mc2",
        "truthfulness",
        "Share of the probability that goes to true answers instead of common errors.",
    ),
    Cost(817, tokens=1400),
    Words(
        "Closed-world truth mc2",
        "truthfulness",
        "Facts of the closed world in TruthfulQA's shape: share of the probability that goes to "
        "true answers.",
    ),
    definition="truthfulqa/truthfulqa_mc2.yaml",
    dataset=ROWS,
    chance="true_share",
    examples=False,
)
