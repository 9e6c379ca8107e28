"""Acceptance criteria of the study as data, held against what was measured."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

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
    "target_rows": ("Rows wanted", "count", lambda store: dig(store, "dataset", "target")),
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
    "target_pairs": ("Pairs wanted", "count", lambda store: dig(store, "preference", "target")),
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

OF_MODEL: Mapping[str, tuple[str, str, Callable[[Store, str], Any]]] = {
    "eval_loss": (
        "Validation loss",
        "ratio",
        lambda store, name: dig(store, "training", name, "last", "loss"),
    ),
    "train_memory": (
        "Peak training memory",
        "bytes",
        lambda store, name: dig(store, "efficiency", name, "memory", "train"),
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


def evaluate(store: Store, gates: Sequence[GateConfig]) -> list[dict[str, Any]]:
    """Hold every gate against its figure. A gate that fails stops nothing.

    Raises:
        ConfigurationError: If a gate names a figure that does not exist.
    """
    return [_evaluate(store, gate) for gate in gates or DEFAULT_GATES]


def _evaluate(store: Store, gate: GateConfig) -> dict[str, Any]:
    label, form, value = figure(store, gate.name)
    threshold: Any = gate.threshold
    against = None
    if isinstance(threshold, str):
        against, _, threshold = figure(store, threshold)
    if not _is_number(value) or not _is_number(threshold):
        state = NOT_MEASURED
    else:
        state = PASS if _COMPARE[gate.comparison](value, threshold) else FAIL
    return {
        "name": gate.name,
        "label": label,
        "format": form,
        "comparison": gate.comparison,
        "threshold": threshold,
        "against": against,
        "value": value,
        "state": state,
        "source": gate.source,
    }


def _is_number(value: Any) -> bool:
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
