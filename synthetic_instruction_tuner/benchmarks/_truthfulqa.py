"""TruthfulQA's rows (Lin et al., arXiv 2109.07958), which two metrics read."""

from __future__ import annotations

from collections.abc import Mapping

from synthetic_instruction_tuner.benchmarks import Dataset, Field
from synthetic_instruction_tuner.benchmarks._fields import are_texts, is_text


def _are_targets(value: object) -> bool:
    """Tell whether a value is parallel lists of choices and 0/1 labels, with both kinds."""
    if not isinstance(value, Mapping) or not are_texts(value.get("choices")):
        return False
    labels = value.get("labels")
    return (
        isinstance(labels, list) and len(labels) == len(value["choices"]) and set(labels) == {0, 1}
    )


def _first_is_true(value: object) -> bool:
    if not isinstance(value, Mapping) or not _are_targets(value):
        return False
    return value["labels"][0] == 1 and sum(value["labels"]) == 1


ROWS = Dataset(
    "truthfulqa/truthful_qa",
    "multiple_choice",
    "truthfulqa",
    ("validation",),
    (
        Field("question", "a text", is_text),
        Field(
            "mc1_targets",
            "{choices, labels} of equal length, the first choice true and no other",
            _first_is_true,
        ),
        Field("mc2_targets", "{choices, labels} of equal length, labels 0 and 1", _are_targets),
    ),
    question=lambda row: str(row["question"]),
)
