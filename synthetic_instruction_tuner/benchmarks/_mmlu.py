"""MMLU's rows, which are asked by letter and by the options' own texts."""

from __future__ import annotations

from synthetic_instruction_tuner.benchmarks import Dataset, Field
from synthetic_instruction_tuner.benchmarks._fields import FOUR, are_four_texts, is_text


def _is_place(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 3


ROWS = Dataset(
    "cais/mmlu",
    None,
    "mmlu",
    ("test", "dev"),
    (
        Field("question", "a text", is_text),
        Field("choices", FOUR, are_four_texts),
        Field("answer", "a number from 0 to 3", _is_place),
    ),
    question=lambda row: "\n".join([row["question"], *row["choices"]]),
)
