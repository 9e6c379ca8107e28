"""The benchmarks: one entry adds one benchmark; any other name is an lm-eval task.

The rows of the known benchmarks come from their public data sets, from a folder of files in the
same shapes, or from the closed world of the embedded models. Prompts, metrics and aggregation are
the stock definitions of lm-evaluation-harness.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["lm_eval", "verifiable", "instructions", "retention", "agent", "database", "speed"]


@dataclass(frozen=True)
class Dataset:
    """Rows of a benchmark: where they lie on the Hub and in a folder, and how they look.

    Attributes:
        repository: Data set on the Hub.
        configuration: Its configuration; None: one configuration a task (MMLU's subjects).
        folder: Folder below `data_dir`; tasks with own configurations have a folder each.
        splits: Splits that the stock definition reads; the first holds the items.
        shape: Name of the row shape (see `evaluation.rows`).
    """

    repository: str
    configuration: str | None
    folder: str
    splits: tuple[str, ...]
    shape: str


@dataclass(frozen=True)
class Benchmark:
    """What is measured.

    Attributes:
        kind: Which code scores it.
        metric: The metric that stands for the benchmark in tables.
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
        groups: What an item's cluster is: "strata" that each give a fixed share (MMLU's subjects),
            or "clusters" that stand for others of their kind (families of tasks, of prompts).
        in_distribution: Whether items are like the instructions that the arms are trained on.
    """

    kind: Kind
    metric: str
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
    groups: Literal["strata", "clusters"] = "strata"
    in_distribution: bool = False


_TRUTHFULQA = Dataset(
    "truthfulqa/truthful_qa", "multiple_choice", "truthfulqa", ("validation",), "truthfulqa"
)

BENCHMARKS: Mapping[str, Benchmark] = {
    "mmlu": Benchmark(
        "lm_eval",
        "acc",
        definition="mmlu/default/mmlu_{task}.yaml",
        dataset=Dataset("cais/mmlu", None, "mmlu", ("test", "dev"), "mmlu"),
        chance="choices",
    ),
    "mmlu_cloze": Benchmark(
        "lm_eval",
        "acc_norm",
        definition="mmlu/continuation/mmlu_{task}.yaml",
        dataset=Dataset("cais/mmlu", None, "mmlu", ("test", "dev"), "mmlu"),
        chance="choices",
        same_items_as="mmlu",
    ),
    "hellaswag": Benchmark(
        "lm_eval",
        "acc_norm",
        definition="hellaswag/hellaswag.yaml",
        dataset=Dataset("Rowan/hellaswag", None, "hellaswag", ("validation",), "hellaswag"),
        chance="choices",
    ),
    "arc_easy": Benchmark(
        "lm_eval",
        "acc",
        definition="arc/arc_easy.yaml",
        dataset=Dataset("allenai/ai2_arc", "ARC-Easy", "arc_easy", ("test",), "arc"),
        chance="choices",
    ),
    "truthfulqa_mc1": Benchmark(
        "lm_eval",
        "acc",
        definition="truthfulqa/truthfulqa_mc1.yaml",
        dataset=_TRUTHFULQA,
        chance="choices",
        examples=False,
    ),
    "truthfulqa_mc2": Benchmark(
        "lm_eval",
        "acc",
        definition="truthfulqa/truthfulqa_mc2.yaml",
        dataset=_TRUTHFULQA,
        chance="true_share",
        examples=False,
    ),
    "ifeval": Benchmark(
        "lm_eval",
        "prompt_level_strict_acc",
        definition="ifeval/ifeval.yaml",
        dataset=Dataset("google/IFEval", None, "ifeval", ("train",), "ifeval"),
        examples=False,
        written=True,
        paragraphs=True,
    ),
    "verifiable": Benchmark(
        "verifiable", "accuracy", written=True, groups="clusters", in_distribution=True
    ),
    "instructions": Benchmark(
        "instructions", "accuracy", written=True, paragraphs=True, groups="clusters", version=2
    ),
    "retention": Benchmark("retention", "accuracy", chance="choices"),
    "retention_closed_world": Benchmark("retention", "accuracy", chance="choices"),
    "agent": Benchmark("agent", "success", written=True, turns=True, groups="clusters"),
    "agent_closed_world": Benchmark(
        "agent", "success", written=True, turns=True, in_distribution=True
    ),
    "dbbench": Benchmark("database", "success", written=True, turns=True, groups="clusters"),
    "speed": Benchmark("speed", "tokens_per_second"),
}


def benchmark_named(name: str) -> Benchmark:
    """Return the entry of a benchmark; a name that is not in the table is an lm-eval task."""
    return BENCHMARKS.get(name, Benchmark("lm_eval", "", written=True, paragraphs=True))
