"""MMLU's questions, answered by the likelihood of the options' own texts."""

from __future__ import annotations

from synthetic_instruction_tuner.benchmarks import Benchmark, Cost, Words
from synthetic_instruction_tuner.benchmarks._mmlu import ROWS

BENCHMARK = Benchmark(
    "lm_eval",
    "acc_norm",
    Words(
        "MMLU, option texts",
        "knowledge",
        "The same questions without letters; the answer whose own text is most likely a character "
        "counts, which is what small models can do.",
    ),
    Cost(14042, tokens=100),
    Words(
        "Closed-world choice, option texts",
        "knowledge",
        "Questions of the closed world in MMLU's shape, without letters: the option whose own text "
        "is most likely a character counts.",
    ),
    definition="mmlu/continuation/mmlu_{task}.yaml",
    dataset=ROWS,
    chance="choices",
    same_items_as="mmlu",
)
