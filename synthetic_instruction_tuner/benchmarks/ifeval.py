"""IFEval (Zhou et al., arXiv 2311.07911)."""

from __future__ import annotations

from synthetic_instruction_tuner.benchmarks import Benchmark, Cost, Dataset, Field, Words
from synthetic_instruction_tuner.benchmarks._fields import is_text

BENCHMARK = Benchmark(
    "lm_eval",
    "prompt_level_strict_acc",
    Words(
        "IFEval",
        "instruction following",
        "Instructions whose fulfilment a program can check (length, keywords, format).",
    ),
    Cost(541, answers=1),
    definition="ifeval/ifeval.yaml",
    dataset=Dataset(
        "google/IFEval",
        None,
        "ifeval",
        ("train",),
        (
            Field("key", "a number", lambda v: isinstance(v, int)),
            Field("prompt", "a text", is_text),
            Field("instruction_id_list", "a list", lambda v: isinstance(v, list) and bool(v)),
            Field("kwargs", "a list", lambda v: isinstance(v, list)),
        ),
        question=lambda row: str(row["prompt"]),
    ),
    examples=False,
    written=True,
    paragraphs=True,
)
