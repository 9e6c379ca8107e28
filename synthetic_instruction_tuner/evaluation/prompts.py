"""Prompts that models answer freely: written once, the same for the base and every arm."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.evaluation import rows
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.storage.files import digest
from synthetic_instruction_tuner.study.subject import benchmark_key

MEASURED, SELECTION = "prompts/", "selection/"


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


class Files(NamedTuple):
    """Where drawing finds and leaves rows.

    Attributes:
        folder: The items artifact.
        data: Folder with the rows of benchmarks that have some; None: the Hub.
    """

    folder: Path
    data: Path | None


def file_name(benchmark: BenchmarkConfig, selecting: bool = False) -> str:
    """Return the name of the prompts' file in the items artifact.

    Args:
        benchmark: The benchmark.
        selecting: Of the prompts on which the base's prompt is chosen instead.
    """
    return f"{SELECTION if selecting else MEASURED}{benchmark_key(benchmark)}.jsonl"


def read_prompts(
    items: Manifest, benchmark: BenchmarkConfig, selecting: bool = False
) -> list[Prompt]:
    """Read the prompts of a benchmark from the items artifact; of those that select maybe none."""
    path = items.path(file_name(benchmark, selecting))
    if selecting and not path.stat().st_size:
        return []
    return [Prompt(**row) for row in rows.read_rows(path)]


def make(benchmark: str, cluster: str, text: str, data: dict[str, Any]) -> Prompt:
    """Make a prompt; its id follows from its content."""
    name = digest({"benchmark": benchmark, "text": text, "data": data})[:16]
    return Prompt(name, cluster, text, data)


def selection_seed(seed: int) -> int:
    """Return the seed of the items on which the base's prompt is chosen."""
    return int(digest(["selection", seed])[:8], 16)
