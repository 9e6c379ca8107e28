"""TruthfulQA: the one true answer."""

from __future__ import annotations

from synthetic_instruction_tuner.benchmarks import Benchmark, Cost, Words
from synthetic_instruction_tuner.benchmarks._truthfulqa import ROWS

BENCHMARK = Benchmark(
    "lm_eval",
    "acc",
    Words(
        "TruthfulQA mc1",
        "truthfulness",
        "Picks the one true answer to a question that invites a common error.",
    ),
    Cost(817, tokens=1000),
    Words(
        "Closed-world truth mc1",
        "truthfulness",
        "Facts of the closed world in TruthfulQA's shape: picks the true one of a few answers.",
    ),
    definition="truthfulqa/truthfulqa_mc1.yaml",
    dataset=ROWS,
    chance="choices",
    examples=False,
)
