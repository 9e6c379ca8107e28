"""What a benchmark is: one file in `benchmarks/` with all that is particular to it, `BENCHMARK`.

Any other name is an lm-eval task. The rows of the known benchmarks come from their public data
sets, from a folder of files in the same shapes, or from the closed world of the embedded models.
Prompts, metrics and aggregation are the stock definitions of lm-evaluation-harness; what has none
there is drawn and scored by its kind (`evaluation/kinds/`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, NamedTuple, Protocol

from synthetic_instruction_tuner.discovery import discover

Kind = Literal["lm_eval", "verifiable", "instructions", "retention", "agent", "database", "speed"]
Row = dict[str, Any]
DEFAULT_ITEMS = 400
"""Prompts of a benchmark that is drawn, where `items` is not set."""


class Field(NamedTuple):
    """A field of a row: what it must be, in words and in code.

    Attributes:
        name: As on the Hub.
        allowed: What it must be, for a person.
        check: Whether a value is that; of what does not compare it may raise a TypeError.
    """

    name: str
    allowed: str
    check: Callable[[Any], bool]


@dataclass(frozen=True)
class Dataset:
    """Rows of a benchmark: where they lie on the Hub and in a folder, and how they look.

    Attributes:
        repository: Data set on the Hub.
        configuration: Its configuration; None: one configuration a task (MMLU's subjects).
        folder: Folder below `data_dir`; tasks with own configurations have a folder each.
        splits: Splits that the stock definition reads; the first holds the items.
        fields: What a row must have, as the data set on the Hub has it.
        question: The text of an item: what training data must not contain.
        fault: Says what is wrong with a row whose fields are right one by one; None: nothing.
    """

    repository: str
    configuration: str | None
    folder: str
    splits: tuple[str, ...]
    fields: tuple[Field, ...]
    question: Callable[[Row], str]
    fault: Callable[[Row], str | None] = lambda row: None


class Words(NamedTuple):
    """A benchmark in words.

    Attributes:
        label: Short name for tables.
        skill: What a user would call the ability ("truthfulness").
        asks: One sentence on what an item looks like and what counts as right.
    """

    label: str
    skill: str
    asks: str


class Cost(NamedTuple):
    """What a plan counts for a benchmark.

    Attributes:
        items: Items of the whole benchmark (from its paper).
        tokens: Tokens to score an item with all its choices, or a solved example before it.
        answers: Answers that a model writes for an item.
    """

    items: int
    tokens: int = 0
    answers: int = 0


@dataclass(frozen=True)
class Benchmark:
    """What is measured.

    Attributes:
        kind: Which code scores it.
        metric: The metric that stands for the benchmark in tables.
        words: How readers are told of it; None: by its own name.
        cost: What it costs; None: not known before it runs.
        closed_world: The same where `evaluation.data_dir` is "sandbox": rows in a known shape, no
            more; None: there are none, or `words` speaks of them.
        higher_is_better: Direction of the metric.
        definition: lm-eval's YAML below `lm_eval/tasks`; {task} stands for one of many.
        dataset: Its rows; None where the project writes the items itself.
        chance: Score of guessing: "choices" (1 / number of choices, averaged over the items),
            "true_share" (share of true choices), or None where there is no such thing.
        examples: Whether the definition lets prompts show solved examples of one's choice.
        written: Whether models write the answers. Of a task that is not in the table only its
            definition says so: until that is read it may.
        paragraphs: Whether a right answer may hold a blank line.
        version: Of the items that are drawn: raise it when they change.
        turns: Whether an item is a conversation of several turns, which no kept row is.
        same_items_as: Another benchmark whose subsets this one takes; "": it has its own.
        items_from: Which of its kind's sources the items are drawn from; "": the general one.
        groups: What an item's cluster is: "strata" that each give a fixed share (MMLU's subjects),
            or "clusters" that stand for others of their kind (families of tasks, of prompts).
        in_distribution: Whether items are like the instructions that the arms are trained on.
    """

    kind: Kind
    metric: str
    words: Words | None = None
    cost: Cost | None = None
    closed_world: Words | None = None
    higher_is_better: bool = True
    definition: str = ""
    dataset: Dataset | None = None
    chance: Literal["choices", "true_share"] | None = None
    examples: bool = True
    written: bool = False
    paragraphs: bool = False
    turns: bool = False
    version: int = 1
    same_items_as: str = ""
    items_from: Literal["", "closed_world"] = ""
    groups: Literal["strata", "clusters"] = "strata"
    in_distribution: bool = False


class BenchmarkFile(Protocol):
    """What a file of this package has."""

    BENCHMARK: Benchmark


@cache
def all_benchmarks() -> Mapping[str, Benchmark]:
    """Return the benchmarks by name."""
    found = discover(sys.modules[__name__], BenchmarkFile)
    return {name: module.BENCHMARK for name, module in found.items()}


def benchmark_named(name: str) -> Benchmark:
    """Return a benchmark; a name that no file here has is an lm-eval task."""
    return all_benchmarks().get(name, Benchmark("lm_eval", "", written=True, paragraphs=True))
