"""HellaSwag (Zellers et al., arXiv 1905.07830)."""

from __future__ import annotations

from synthetic_instruction_tuner.benchmarks import Benchmark, Cost, Dataset, Field, Words
from synthetic_instruction_tuner.benchmarks._fields import FOUR, are_four_texts, is_any_text

BENCHMARK = Benchmark(
    "lm_eval",
    "acc_norm",
    Words("HellaSwag", "common sense", "Which of four endings continues a short scene sensibly."),
    Cost(10042, tokens=400),
    Words(
        "Closed-world stories",
        "common sense",
        "Stories of the closed world in HellaSwag's shape: which of four steps comes next.",
    ),
    definition="hellaswag/hellaswag.yaml",
    dataset=Dataset(
        "Rowan/hellaswag",
        None,
        "hellaswag",
        ("validation",),
        (
            Field("activity_label", "a text", is_any_text),
            Field("ctx_a", "a text", is_any_text),
            Field("ctx_b", "a text (may be empty)", is_any_text),
            Field("endings", FOUR, are_four_texts),
            Field("label", 'one of "0", "1", "2", "3"', lambda v: v in ("0", "1", "2", "3")),
        ),
        question=lambda row: f"{row['ctx_a']} {row['ctx_b']}".strip(),
    ),
    chance="choices",
)
