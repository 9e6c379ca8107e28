"""What each model costs: parameters, memory, time, file size, compute units and money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synthetic_instruction_tuner.analysis.benchmarks import is_measurement
from synthetic_instruction_tuner.analysis.cells import Runs
from synthetic_instruction_tuner.analysis.costs import COSTS, single
from synthetic_instruction_tuner.analysis.results import Results
from synthetic_instruction_tuner.config import CostConfig
from synthetic_instruction_tuner.config.operation import gpu_of
from synthetic_instruction_tuner.records import TrainingRun

KINDS = ("reserved", "allocated", "rss")
"""Kinds of peak memory, most telling first: held on the GPU, used by tensors, the process."""


def efficiency(
    subjects: Mapping[str, Mapping[str, Any]],
    runs: Mapping[str, TrainingRun | None],
    results: Results,
    prices: CostConfig,
    runs_by_seed: Runs,
) -> dict[str, dict[str, Any]]:
    """Collect the costs of every model; a figure that no run measured is None.

    `train_seconds` is the arm's own training; `chain_seconds` adds the arms it goes on from, which
    somebody who wants this arm must train too. `repeated` holds what every training seed cost.
    """
    table = {}
    for name in subjects:
        run = runs.get(name)
        chain = _chain(name, subjects, runs)
        table[name] = {
            **_training(run),
            "chain_seconds": sum(chain) if chain and None not in chain else None,
            **_evaluation(name, results),
            **cost(run, prices),
        }
    for shown, by_seed in runs_by_seed.items():
        table[shown]["repeated"] = _repeated([table[name] for name in by_seed.values()])
    return table


def _repeated(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Collect what every training (one a seed) of an arm cost."""
    found = {}
    for cost in COSTS:
        known = [value for row in rows if (value := single(row, cost)) is not None]
        if known:
            found[cost] = known
    return found


def _training(run: TrainingRun | None) -> dict[str, Any]:
    if run is None:
        fields = (
            "trained_parameters shipped_parameters total_parameters trainable_share adapter_bytes "
            "train_seconds tokens_per_second memory memory_kind planned_memory device"
        )
        return dict.fromkeys(fields.split())
    memory = {phase: peak(kinds) for phase, kinds in run.peak_memory_bytes.items()}
    kind = next((one for one in KINDS if one in run.peak_memory_bytes.get("train", {})), None)
    return {
        "trained_parameters": run.trained_parameters,
        "shipped_parameters": run.shipped_parameters,
        "total_parameters": run.total_parameters,
        "trainable_share": run.trained_parameters / run.total_parameters,
        "adapter_bytes": run.adapter_bytes,
        "train_seconds": run.train_seconds,
        "tokens_per_second": run.tokens_per_second,
        "memory": memory,
        "memory_kind": kind,
        "planned_memory": run.conditions.get("planned_bytes"),
        "device": device_of(run),
    }


def peak(kinds: Mapping[str, int]) -> int | None:
    """Return the most telling peak that was measured."""
    return next((kinds[one] for one in KINDS if kinds.get(one)), None)


def device_of(run: TrainingRun) -> str | None:
    """Return the device's name as the run recorded it."""
    name = run.conditions.get("device_name") or run.conditions.get("device")
    return str(name) if name else None


def _chain(
    name: str, subjects: Mapping[str, Mapping[str, Any]], runs: Mapping[str, TrainingRun | None]
) -> list[Any]:
    """Seconds of the arm and of every arm before it; None for one that was not measured."""
    seconds: list[Any] = []
    current: str | None = name
    while current and subjects[current]["arm"]:
        run = runs.get(current)
        seconds.append(run.train_seconds if run else None)
        start, seed = subjects[current]["start_from"], subjects[current]["seed"]
        current = next(
            (k for k, one in subjects.items() if one["arm"] == start and one["seed"] == seed), None
        )
    return seconds


def _evaluation(name: str, results: Results) -> dict[str, Any]:
    """Sum evaluation seconds; take the generation speed where it was measured on its own.

    The sum of some benchmarks would make a model look cheap whose other results are missing.
    """
    own = [one[name].result for one in results.values() if name in one]
    seconds = [one.measurements.get("seconds") for one in own]
    whole = bool(own) and len(own) == len(results) and None not in seconds
    speeds = [one for one in own if is_measurement(one.benchmark)]
    return {
        "evaluation_seconds": sum(seconds) if whole else None,
        "generation_tokens_per_second": next((one.scores.get(one.metric) for one in speeds), None),
    }


def cost(run: TrainingRun | None, prices: CostConfig) -> dict[str, Any]:
    """Price the training time where the GPU has a price; a CPU has none."""
    nothing = {"compute_units": None, "money": None, "gpu": None}
    gpu = gpu_of(device_of(run) or "", prices) if run else None
    if run is None or gpu is None:
        return nothing
    units = run.train_seconds / 3600 * prices.compute_units_per_hour[gpu]
    return {"compute_units": units, "money": units * prices.money_per_unit, "gpu": gpu}
