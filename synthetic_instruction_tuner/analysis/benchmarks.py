"""What readers are told about a benchmark: label, what it asks, what it shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from synthetic_instruction_tuner.analysis.results import Measured, Results
from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.config.benchmarks import benchmark_named
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import benchmark_key


class Description(NamedTuple):
    """A benchmark in words.

    Attributes:
        label: Short name for tables.
        skill: What a user would call the ability ("truthfulness").
        asks: One sentence on what an item looks like and what counts as right.
    """

    label: str
    skill: str
    asks: str


DESCRIPTIONS = {
    "mmlu": Description(
        "MMLU",
        "knowledge",
        "School and professional knowledge in many subjects; one of four answers is right and is "
        "chosen by its letter.",
    ),
    "mmlu_cloze": Description(
        "MMLU, option texts",
        "knowledge",
        "The same questions without letters; the answer whose own text is most likely a character "
        "counts, which is what small models can do.",
    ),
    "hellaswag": Description(
        "HellaSwag", "common sense", "Which of four endings continues a short scene sensibly."
    ),
    "arc_easy": Description(
        "ARC-Easy", "reasoning", "Primary-school science questions with several answers."
    ),
    "truthfulqa_mc1": Description(
        "TruthfulQA mc1",
        "truthfulness",
        "Picks the one true answer to a question that invites a common error.",
    ),
    "truthfulqa_mc2": Description(
        "TruthfulQA mc2",
        "truthfulness",
        "Share of the probability that goes to true answers instead of common errors.",
    ),
    "ifeval": Description(
        "IFEval",
        "instruction following",
        "Instructions whose fulfilment a program can check (length, keywords, format).",
    ),
    "instructions": Description(
        "Instructions",
        "instruction following",
        "Instructions whose fulfilment a program can check (length, keywords, format).",
    ),
    "verifiable": Description(
        "Verifiable answers",
        "right answers",
        "Held-out instructions like those trained on, the answer written freely and checked "
        "by a program.",
    ),
    "retention": Description(
        "Retained facts",
        "knowledge kept",
        "Plain sentences about known facts, without any template; one of four ends is right.",
    ),
    "retention_closed_world": Description(
        "Retained town facts",
        "knowledge kept",
        "Plain sentences about made-up towns that only the base's own text told of; one of four "
        "ends is right.",
    ),
    "agent_closed_world": Description(
        "Closed-world tool calls",
        "acting with tools",
        "One to three requests of the closed world in a conversation, each to be answered by one "
        "tool call.",
    ),
    "agent": Description(
        "Agent tasks",
        "acting with tools",
        "Plans, tool calls and corrections, executed and checked by a program.",
    ),
    "dbbench": Description(
        "Database tasks",
        "acting with tools",
        "AgentBench's questions and changes on tables, in SQL, checked by their end state.",
    ),
}
"""Benchmarks in words; any other lm-eval task is shown by its own name."""

CLOSED_WORLD = {
    "mmlu": Description(
        "Closed-world choice",
        "knowledge",
        "Questions of the closed world in MMLU's shape: eight subjects, one of four answers is "
        "right.",
    ),
    "mmlu_cloze": Description(
        "Closed-world choice, option texts",
        "knowledge",
        "Questions of the closed world in MMLU's shape, without letters: the option whose own text "
        "is most likely a character counts.",
    ),
    "hellaswag": Description(
        "Closed-world stories",
        "common sense",
        "Stories of the closed world in HellaSwag's shape: which of four steps comes next.",
    ),
    "arc_easy": Description(
        "Closed-world questions",
        "reasoning",
        "Questions of the closed world in ARC-Easy's shape, with four whole sentences as answers.",
    ),
    "truthfulqa_mc1": Description(
        "Closed-world truth mc1",
        "truthfulness",
        "Facts of the closed world in TruthfulQA's shape: picks the true one of a few answers.",
    ),
    "truthfulqa_mc2": Description(
        "Closed-world truth mc2",
        "truthfulness",
        "Facts of the closed world in TruthfulQA's shape: share of the probability that goes to "
        "true answers.",
    ),
}
"""What benchmarks ask where `evaluation.data_dir` is "sandbox": rows in a known shape, no more."""


def describe(benchmark: BenchmarkConfig, data_dir: str | None) -> Description:
    """Describe a benchmark, its examples in the prompt included in the label."""
    ours = CLOSED_WORLD.get(benchmark.name) if data_dir == "sandbox" else None
    known = ours or DESCRIPTIONS.get(benchmark.name)
    if known is None:
        known = Description(benchmark.name, benchmark.name, f"The lm-eval task {benchmark.name}.")
    if benchmark.num_fewshot is None:
        return known
    return known._replace(label=f"{known.label}, {benchmark.num_fewshot}-shot")


def describe_benchmarks(
    study: Study, results: Results, primary: list[str]
) -> dict[str, dict[str, Any]]:
    """Describe every benchmark that scores items, as far as results tell."""
    found: dict[str, dict[str, Any]] = {}
    for one in study.config.evaluation.benchmarks:
        key = benchmark_key(one)
        measured = results.get(key, {})
        if is_measurement(one.name):
            continue
        first = next(iter(measured.values()), None)
        found[key] = {
            **describe(one, study.config.evaluation.data_dir)._asdict(),
            "name": one.name,
            "num_fewshot": one.num_fewshot,
            "items": first.result.items if first else None,
            "metric": first.result.metric if first else None,
            "chance": first.result.chance if first else None,
            "higher_is_better": first.result.higher_is_better if first else True,
            "primary": key in primary,
            "groups": benchmark_named(one.name).groups,
            "in_distribution": benchmark_named(one.name).in_distribution,
            "conditions": first.result.conditions if first else {},
            **_requests(measured.values()),
        }
    return found


def _requests(measured: Iterable[Measured]) -> dict[str, int]:
    """Return how many requests of a benchmark a model is asked, and how many of them were cut."""
    counted = [one.result.measurements for one in measured]
    return {name: max((one.get(name, 0) for one in counted), default=0) for name in REQUESTS}


REQUESTS = ("requests", "cut_requests")


def is_measurement(name: str) -> bool:
    """Whether a benchmark measures speed, not answers."""
    return benchmark_named(name).kind == "speed"
