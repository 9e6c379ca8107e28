"""Reading what the evaluation wrote, and refusing to compare what cannot be compared."""

from __future__ import annotations

import dataclasses
import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.records import BenchmarkResult, ItemScore, read_lines
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import Subject, benchmark_key
from synthetic_instruction_tuner.training.students import adapter_digest

logger = logging.getLogger(__name__)

TOLERANCE = 1e-6
"""Largest difference between a reported mean and the mean of its items (float summation order)."""

FIELDS = ("prompt_hash", "target_hash", "cluster")
"""What must be equal of an item in two results."""
PROMPT_TERMS = ("templated", "base_prompt", "examples", "stops")
"""Conditions that say in which form models were asked."""


@dataclass(frozen=True)
class Measured:
    """One model's result on one benchmark with its items, in the order of the file."""

    result: BenchmarkResult
    items: tuple[ItemScore, ...]

    @property
    def values(self) -> list[float]:
        """The headline metric of every item."""
        return [item.scores[self.result.metric] for item in self.items]

    @property
    def clusters(self) -> list[str]:
        """What each item shares with others (subject, prompt, family)."""
        return [item.cluster for item in self.items]


Results = Mapping[str, Mapping[str, Measured]]
"""By benchmark, then by subject; what was not measured is absent."""


def load_results(study: Study) -> dict[str, dict[str, Measured]]:
    """Read every result the workspace holds, whole and unaltered.

    A result that was measured with another adapter than the one that is there now is left out.

    Raises:
        StageError: If a file contradicts itself, or two models were measured on unequal terms.
    """
    results: dict[str, dict[str, Measured]] = {}
    adapters = {one.name: _adapter(study, one) for one in study.subjects}
    for benchmark in study.config.evaluation.benchmarks:
        found = {one.name: _load(study, one, benchmark, adapters) for one in study.subjects}
        key = benchmark_key(benchmark)
        results[key] = {name: one for name, one in found.items() if one is not None}
        require_equal_terms(key, results[key])
    return results


def _adapter(study: Study, subject: Subject) -> str | None:
    """Return the hash of the adapter that is there; None for the base, or without a trained arm."""
    one: Subject | None = subject
    while one is not None and one.arm is not None:  # an arm may stand on another
        if study.store.find(study.trained(one)) is None:
            return None
        one = study.starts_from(one)
    return adapter_digest(study, subject)


def _load(
    study: Study,
    subject: Subject,
    benchmark: BenchmarkConfig,
    adapters: Mapping[str, str | None],
) -> Measured | None:
    manifest = study.store.find(study.result(subject, benchmark))
    if manifest is None:
        return None
    there = adapters[subject.name]
    if there is not None and manifest.facts.get("adapter") != there:
        logger.warning(
            "%s was measured with another adapter than %s has now; it counts as not measured",
            manifest.folder,
            subject.name,
        )
        return None
    return read_measured(manifest, subject.name, benchmark_key(benchmark))


def read_measured(manifest: Manifest, subject: str, benchmark: str) -> Measured:
    """Read a result with its items.

    Raises:
        StageError: If it contradicts itself, or is that of another model or benchmark.
    """
    result = read_result(manifest.path("result.json"))
    if "items.jsonl" not in manifest.files:
        return Measured(result, ())
    measured = Measured(result, tuple(read_lines(manifest.path("items.jsonl"), ItemScore)))
    _validate(manifest.folder, measured, subject, benchmark)
    return measured


def read_result(path: Path) -> BenchmarkResult:
    """Read a `result.json`.

    Raises:
        StageError: If it is not one.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        known = {field.name for field in dataclasses.fields(BenchmarkResult)}
        result = BenchmarkResult(**{name: values[name] for name in known})
    except (ValueError, TypeError, KeyError) as error:
        raise StageError(f"{path} is not a benchmark result: {error!r}") from error
    for name, value in {**result.scores, "chance": result.chance or 0.0}.items():
        if not math.isfinite(value):
            raise StageError(f"{path}: {name}={value} is not a number")
    return result


def _validate(folder: Path, measured: Measured, subject: str, benchmark: str) -> None:
    """Refuse a result that contradicts its own items, or belongs to another model."""
    result, items = measured.result, measured.items
    if (result.subject, result.benchmark) != (subject, benchmark):
        raise StageError(
            f"{folder} holds the result of {result.subject} on {result.benchmark}, "
            f"expected {subject} on {benchmark}"
        )
    if len(items) != result.items or len({item.id for item in items}) != result.items:
        raise StageError(f"{folder}: result.json counts {result.items} items, the log differs")
    for item in items:
        for name, value in {result.metric: None, **item.scores}.items():
            if value is None or not math.isfinite(value):
                raise StageError(f"{folder}: item {item.id} has {name}={value}, not a number")
    reported = result.scores.get(result.metric)
    if items and (reported is None or abs(reported - mean(measured.values)) > TOLERANCE):
        raise StageError(
            f"{folder}: result.json says {result.metric}={reported}, "
            f"its items average {mean(measured.values):.6f}"
        )


def mean(values: list[float]) -> float:
    """Arithmetic mean, exact to rounding."""
    return math.fsum(values) / len(values)


def require_equal_terms(benchmark: str, measured: Mapping[str, Measured]) -> None:
    """Refuse to pair results of unequal items, prompts, targets, metric or conditions.

    Raises:
        StageError: Names the benchmark, the two models and what differs.
    """
    if not measured:
        return
    (first, reference), *others = measured.items()
    for name, one in others:
        difference = find_difference(reference, one)
        if difference:
            raise StageError(
                f"{benchmark}: {first} and {name} cannot be compared: {difference}; "
                f"delete one of the two results and evaluate again on equal terms"
            )


def find_difference(left: Measured, right: Measured, prompts: bool = True) -> str | None:
    """Say what keeps two results from being compared item by item, or None.

    Args:
        left: A result.
        right: Another one.
        prompts: Whether the prompts must be equal, too.
    """
    unequal = _unequal_settings(_terms(left.result, prompts), _terms(right.result, prompts))
    if unequal:
        return unequal
    others = {item.id: item for item in right.items}
    missing = [item.id for item in left.items if item.id not in others]
    if missing or len(others) != len(left.items):
        example = missing[0] if missing else "extra items"
        return f"the items differ ({len(left.items)} and {len(others)}; first: {example})"
    for item in left.items:
        other = others[item.id]
        for field in FIELDS if prompts else FIELDS[1:]:
            if getattr(item, field) != getattr(other, field):
                return f"{field} of item {item.id} differs"
    return None


def _terms(result: BenchmarkResult, prompts: bool) -> dict[str, Any]:
    terms = {"metric": result.metric, "chance": result.chance, **result.conditions}
    return {name: value for name, value in terms.items() if prompts or name not in PROMPT_TERMS}


def _unequal_settings(left: Mapping[str, Any], right: Mapping[str, Any]) -> str | None:
    for name in sorted({*left, *right}):
        if left.get(name) != right.get(name):
            return f"{name} is {left.get(name)!r} and {right.get(name)!r}"
    return None


def aligned(measured: Mapping[str, Measured]) -> tuple[list[str], dict[str, list[float]]]:
    """Put the items of several models in one order, by item id.

    Returns:
        The cluster of every item, and the values of every model in that same order.
    """
    if not measured:
        return [], {}
    reference = next(iter(measured.values()))
    order = sorted(item.id for item in reference.items)
    cluster = {item.id: item.cluster for item in reference.items}
    values = {}
    for name, one in measured.items():
        by_id = {item.id: item.scores[one.result.metric] for item in one.items}
        values[name] = [by_id[item] for item in order]
    return [cluster[item] for item in order], values
