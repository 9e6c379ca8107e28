"""ARC-Easy (Clark et al., arXiv 1803.05457)."""

from __future__ import annotations

from collections.abc import Mapping

from synthetic_instruction_tuner.benchmarks import Benchmark, Cost, Dataset, Field, Row, Words
from synthetic_instruction_tuner.benchmarks._fields import are_texts, is_text


def _are_labelled(value: object) -> bool:
    """Tell whether a value is parallel lists of texts and labels."""
    if not isinstance(value, Mapping) or not are_texts(value.get("text")):
        return False
    labels = value.get("label")
    return isinstance(labels, list) and len(labels) == len(value["text"]) == len(set(labels))


def _fault(row: Row) -> str | None:
    if row["answerKey"] in row["choices"]["label"]:
        return None
    return f"has answerKey={row['answerKey']!r}; allowed: {row['choices']['label']}"


BENCHMARK = Benchmark(
    "lm_eval",
    "acc",
    Words("ARC-Easy", "reasoning", "Primary-school science questions with several answers."),
    Cost(2376, tokens=180),
    Words(
        "Closed-world questions",
        "reasoning",
        "Questions of the closed world in ARC-Easy's shape, with four whole sentences as answers.",
    ),
    definition="arc/arc_easy.yaml",
    dataset=Dataset(
        "allenai/ai2_arc",
        "ARC-Easy",
        "arc_easy",
        ("test",),
        (
            Field("question", "a text", is_text),
            Field(
                "choices", "{text, label}: lists of equal length, labels distinct", _are_labelled
            ),
            Field("answerKey", "a label of choices.label", is_text),
        ),
        question=lambda row: str(row["question"]),
        fault=_fault,
    ),
    chance="choices",
)
