"""What readers are told about a benchmark: label, what it asks, what it shows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from synthetic_instruction_tuner.analysis.results import Measured, Results
from synthetic_instruction_tuner.benchmarks import Words, benchmark_named
from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import benchmark_key


def describe(benchmark: BenchmarkConfig, data_dir: str | None) -> Words:
    """Describe a benchmark, its examples in the prompt included in the label."""
    entry = benchmark_named(benchmark.name)
    known = (data_dir == "sandbox" and entry.closed_world) or entry.words
    if known is None:
        known = Words(benchmark.name, benchmark.name, f"The lm-eval task {benchmark.name}.")
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
