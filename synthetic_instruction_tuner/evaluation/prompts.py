"""Prompts that models answer freely: written once, the same for the base and every arm."""

from __future__ import annotations

from typing import Any, NamedTuple

from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.evaluation import rows
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.storage.files import digest
from synthetic_instruction_tuner.study.subject import benchmark_key

DEFAULT_ITEMS = 400
"""Prompts where the benchmark's `items` is not set."""


class Prompt(NamedTuple):
    """One prompt of a generated benchmark.

    Attributes:
        id: Hash of the prompt's content.
        cluster: What prompts share (task family, kind of constraint, ...).
        text: What the model is asked.
        data: What the check needs: JSON values.
    """

    id: str
    cluster: str
    text: str
    data: dict[str, Any]


def file_name(benchmark: BenchmarkConfig) -> str:
    """Return the name of the prompts' file in the items artifact."""
    return f"prompts/{benchmark_key(benchmark)}.jsonl"


def read_prompts(items: Manifest, benchmark: BenchmarkConfig) -> list[Prompt]:
    """Read the prompts of a benchmark from the items artifact."""
    return [Prompt(**row) for row in rows.read_rows(items.path(file_name(benchmark)))]


def make(benchmark: str, cluster: str, text: str, data: dict[str, Any]) -> Prompt:
    """Make a prompt; its id follows from its content."""
    name = digest({"benchmark": benchmark, "text": text, "data": data})[:16]
    return Prompt(name, cluster, text, data)
