"""Acceptance criteria of the study as data, held against what was measured."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthetic_instruction_tuner.analysis.statistics import cluster_interval, wilson_interval
from synthetic_instruction_tuner.config import GateConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.study.subject import BASE

SPECIFICATION = "specification of the study"
PASS, FAIL, NOT_MEASURED = "pass", "fail", "not measured"


def _gate(name: str, comparison: Any, threshold: float | str) -> GateConfig:
    return GateConfig(name=name, comparison=comparison, threshold=threshold, source=SPECIFICATION)


DEFAULT_GATES = (
    _gate("generation_success", ">=", 0.95),
    _gate("instruction_words", ">=", 20),
    _gate("instruction_words", "<=", 150),
    _gate("response_words", ">=", 50),
    _gate("response_words", "<=", 500),
    _gate("kept_rows", ">=", "target_rows"),
    _gate("quality", ">=", 0.7),
    _gate("decontaminated", ">=", 1.0),
    _gate("preference_pairs", ">=", "target_pairs"),
    _gate("chosen_above_rejected", ">=", 1.0),
    _gate("margin", ">=", 0.15),
    _gate("eval_loss:lora", "<", 1.8),
    _gate("train_memory:prompt_tuning", "<", "train_memory:lora"),
    _gate("preference_accuracy:dpo", ">", 0.7),
    _gate("gain:dpo:truthfulqa_mc2", ">", 0),
)
"""Used where a study names no gates of its own."""

Store = Mapping[str, Any]
"""The content of comparison.json."""


@dataclass(frozen=True)
class Verdict:
    """A criterion held against its figure.

    Attributes:
        name: Name of the figure.
        label: What readers call it.
        format: How it is written.
        comparison: How it must stand to the threshold.
        threshold: The number required; None if it is another figure that was not measured.
        against: Label of that figure; None for a number.
        value: What was measured.
        low: Lower end of its interval, where it is a share, a score or a gain of a sample.
        high: Upper end.
        state: "pass", "fail" or "not measured", by the value.
        settled: Whether the whole interval says the same; None without an interval.
        source: Where the criterion comes from.
    """

    name: str
    label: str
    format: str
    comparison: str
    threshold: float | None
    against: str | None
    value: float | None
    low: float | None
    high: float | None
    state: str
    settled: bool | None
    source: str


_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


def dig(store: Any, *path: str) -> Any:
    """Follow keys into nested mappings; None where one is missing."""
    for key in path:
        if not isinstance(store, Mapping):
            return None
        store = store.get(key)
    return store


FIGURES: Mapping[str, tuple[str, str, Callable[[Store], Any]]] = {
    "generation_success": (
        "Valid draws",
        "percent",
        lambda store: dig(store, "dataset", "measures", "valid_share"),
    ),
    "instruction_words": (
        "Mean instruction length, words",
        "decimal",
        lambda store: dig(store, "dataset", "measures", "mean_instruction_words"),
    ),
    "response_words": (
        "Mean response length, words",
        "decimal",
        lambda store: dig(store, "dataset", "measures", "mean_response_words"),
    ),
    "kept_rows": ("Rows kept", "count", lambda store: dig(store, "dataset", "kept")),
    "target_rows": ("Rows required", "count", lambda store: dig(store, "dataset", "target")),
    "quality": (
        "Mean quality score",
        "ratio",
        lambda store: dig(store, "dataset", "measures", "mean_quality"),
    ),
    "decontaminated": (
        "Rows compared with the benchmark items",
        "percent",
        lambda store: dig(store, "dataset", "measures", "decontaminated_share"),
    ),
    "preference_pairs": (
        "Preference pairs",
        "count",
        lambda store: dig(store, "preference", "pairs"),
    ),
    "target_pairs": ("Pairs required", "count", lambda store: dig(store, "preference", "target")),
    "chosen_above_rejected": (
        "Pairs whose chosen reward is higher",
        "percent",
        lambda store: dig(store, "preference", "chosen_above_rejected"),
    ),
    "margin": (
        "Mean reward margin",
        "ratio",
        lambda store: dig(store, "preference", "mean_margin"),
    ),
}
"""Figures of the data: label, format, and where the store has them."""


def _mean_cost(store: Store, name: str, cost: str) -> float | None:
    """Average what every training seed of an arm cost."""
    runs = dig(store, "efficiency", name, "repeated", cost)
    return math.fsum(runs) / len(runs) if runs else None


OF_MODEL: Mapping[str, tuple[str, str, Callable[[Store, str], Any]]] = {
    "eval_loss": (
        "Validation loss",
        "ratio",
        lambda store, name: dig(store, "training", name, "last", "loss"),
    ),
    "train_memory": (
        "Peak training memory",
        "bytes",
        lambda store, name: (
            _mean_cost(store, name, "train_memory")
            or dig(store, "efficiency", name, "memory", "train")
        ),
    ),
    "train_seconds": (
        "Training time",
        "seconds",
        lambda store, name: dig(store, "efficiency", name, "train_seconds"),
    ),
    "preference_accuracy": (
        "Preference accuracy",
        "percent",
        lambda store, name: dig(store, "training", name, "last", "accuracy"),
    ),
}
"""Figures of one arm, written figure:arm or figure:method."""


def evaluate(store: Store, gates: Sequence[GateConfig]) -> list[Verdict]:
    """Hold every gate against its figure. A gate that fails stops nothing.

    Raises:
        ConfigurationError: If a gate names a figure that does not exist.
    """
    return [_evaluate(store, gate) for gate in gates or DEFAULT_GATES]


def _evaluate(store: Store, gate: GateConfig) -> Verdict:
    label, form, value = figure(store, gate.name)
    threshold: Any = gate.threshold
    against = None
    if isinstance(threshold, str):
        against, _, threshold = figure(store, threshold)
    low, high, settled = None, None, None
    if not _is_number(value) or not _is_number(threshold):
        state = NOT_MEASURED
    else:
        compare = _COMPARE[gate.comparison]
        state = PASS if compare(value, threshold) else FAIL
        low, high = interval(store, gate.name, value)
        if low is not None and high is not None:
            settled = compare(low, threshold) == compare(high, threshold)
    return Verdict(
        gate.name, label, form, gate.comparison, threshold, against, value, low, high, state,
        settled, gate.source,
    )  # fmt: skip


def interval(store: Store, name: str, value: float) -> tuple[float | None, float | None]:
    """Bound a figure that is a share of counted cases, or a score or gain with an interval."""
    kind, _, rest = name.partition(":")
    cell: Any = None
    if kind in ("score", "gain") and rest.count(":") == 1:
        arm, benchmark = rest.split(":")
        subject = resolve(store, arm) or arm
        path = ("scores", subject) if kind == "score" else ("comparisons", f"{subject}-vs-{BASE}")
        cell = dig(store, *path, benchmark)
    elif bounds := dig(store, "dataset", "intervals", kind):
        return float(bounds[0]), float(bounds[1])
    elif kind in REPEATED and rest:
        runs = dig(store, "efficiency", resolve(store, rest) or rest, "repeated", REPEATED[kind])
        if runs and len(runs) > 1:
            return cluster_interval(runs, list(map(str, range(len(runs)))), _alpha(store))
    elif kind in CASES and (count := dig(store, *CASES[kind])):
        low, high = wilson_interval(round(value * count), count, _alpha(store))
        cell = {"low": low, "high": high}
    return (dig(cell, "low"), dig(cell, "high")) if cell else (None, None)


REPEATED = {"train_memory": "train_memory"}
"""Figures of an arm that every training seed measured, by their name among the costs."""

CASES: Mapping[str, tuple[str, str]] = {
    "generation_success": ("dataset", "drawn"),
    "preference_accuracy": ("preference", "validation"),
}
"""Where the counted cases stand behind figures that are shares."""


def _alpha(store: Store) -> float:
    return float(dig(store, "terms", "alpha") or 0.05)


def _is_number(value: float | None) -> bool:
    """Whether a figure was measured; NaN compares false with everything and is no failure."""
    return value is not None and math.isfinite(value)


def figure(store: Store, name: str) -> tuple[str, str, Any]:
    """Return label, format and value of a figure; the value is None if nobody measured it.

    Names: one of `FIGURES`; "figure:arm" with one of `OF_MODEL`; "score:arm:benchmark";
    "gain:arm:benchmark" (difference to the base). An arm may also be given by its method; the
    first arm of that method is meant.
    """
    if name in FIGURES:
        label, form, read = FIGURES[name]
        return label, form, read(store)
    kind, _, rest = name.partition(":")
    if kind in OF_MODEL and rest:
        label, form, read_of = OF_MODEL[kind]
        subject = resolve(store, rest)
        return f"{label}, {_label(store, rest)}", form, read_of(store, subject) if subject else None
    if kind in ("score", "gain") and rest.count(":") == 1:
        return _benchmark_figure(store, kind, *rest.split(":"))
    allowed = ", ".join((*FIGURES, *(f"{one}:ARM" for one in OF_MODEL)))
    raise ConfigurationError(
        f"gates: unknown figure {name!r}; allowed: {allowed}, score:ARM:BENCHMARK, "
        f"gain:ARM:BENCHMARK"
    )


def _benchmark_figure(store: Store, kind: str, arm: str, benchmark: str) -> tuple[str, str, Any]:
    subject = resolve(store, arm)
    label = dig(store, "benchmarks", benchmark, "label") or benchmark
    if kind == "score":
        value = subject and dig(store, "scores", subject, benchmark, "score")
        return f"{label}, {_label(store, arm)}", "percent", value
    pair = f"{subject}-vs-{BASE}"
    value = dig(store, "comparisons", pair, benchmark, "delta")
    return f"{label}, {_label(store, arm)} against base", "delta", value


def resolve(store: Store, name: str) -> str | None:
    """Find a model by its name, else the first arm of that method."""
    subjects = store["subjects"]
    if name in subjects:
        return name
    return next((key for key, one in subjects.items() if one["method"] == name), None)


def _label(store: Store, name: str) -> str:
    subject = resolve(store, name)
    return str(store["subjects"][subject]["label"]) if subject else name
