"""What a run tells about its costs."""

import pytest

from synthetic_instruction_tuner.analysis import gates
from synthetic_instruction_tuner.analysis.costs import Cost, cost_of
from synthetic_instruction_tuner.analysis.efficiency import efficiency
from synthetic_instruction_tuner.analysis.results import Measured
from synthetic_instruction_tuner.config import CostConfig
from synthetic_instruction_tuner.records import BenchmarkResult, TrainingRun

RUN = {
    "subject": "sft", "method": "lora", "seed": 42, "examples": 8, "steps": 2, "epochs": 1.0,
    "trained_parameters": 10, "shipped_parameters": 10, "total_parameters": 100,
    "adapter_bytes": 40, "train_seconds": 3.0, "tokens_per_second": 5.0,
    "peak_memory_bytes": {"train": {"allocated": 900, "reserved": 1000, "rss": 50}},
    "curve": [], "evaluations": [], "resumed": 0,
}  # fmt: skip


def test_planned_memory_stands_beside_the_measured_one() -> None:
    planned = TrainingRun(**RUN, conditions={"device": "cuda: Tesla T4", "planned_bytes": 950})
    plain = TrainingRun(**RUN, conditions={"device": "cpu: x86_64", "planned_bytes": None})
    about = {"arm": "sft", "start_from": None, "seed": 42}
    subjects = {"sft": about, "cpu": about | {"arm": "cpu"}}
    found = efficiency(subjects, {"sft": planned, "cpu": plain}, {}, CostConfig(), {})
    assert (found["sft"]["memory"]["train"], found["sft"]["planned_memory"]) == (1000, 950)
    assert found["cpu"]["planned_memory"] is None


def test_evaluation_that_is_not_whole_has_no_time_that_looks_short() -> None:
    def took(seconds: float) -> Measured:
        facts = {"seconds": seconds}
        return Measured(BenchmarkResult("sft", "x", "acc", True, None, 0, {}, {}, facts), ())

    results = {"arc_easy": {"base": took(2.0), "sft": took(3.0)}, "mmlu": {"base": took(5.0)}}
    about = {"arm": None, "start_from": None, "seed": None}
    found = efficiency({"base": about, "sft": about}, {}, results, CostConfig(), {})
    assert found["base"]["evaluation_seconds"] == 7.0
    assert found["sft"]["evaluation_seconds"] is None


def test_compute_units_and_money_follow_from_hours_and_prices() -> None:
    run = TrainingRun(**{**RUN, "train_seconds": 1800.0}, conditions={"device": "cuda: Tesla T4"})
    prices = CostConfig(compute_units_per_hour={"T4": 1.2}, money_per_unit=0.1)
    about = {"arm": "sft", "start_from": None, "seed": 42}
    found = efficiency({"sft": about}, {"sft": run}, {}, prices, {})["sft"]
    assert (found["compute_units"], found["gpu"]) == (0.6, "T4")
    assert round(found["money"], 9) == 0.06


def test_every_training_seed_is_a_measurement_of_the_costs() -> None:
    runs = {
        name: TrainingRun(**{**RUN, "train_seconds": seconds}, conditions={})
        for name, seconds in (("sft", 3.0), ("sft-seed43", 5.0))
    }
    about = {"arm": "sft", "start_from": None}
    subjects = {"sft": about | {"seed": 42}, "sft-seed43": about | {"seed": 43}}
    by_seed = {"sft": {42: "sft", 43: "sft-seed43"}}
    found = efficiency(subjects, runs, {}, CostConfig(), by_seed)["sft"]
    assert found["repeated"]["chain_seconds"] == [3.0, 5.0]
    assert cost_of(found, "chain_seconds") == Cost((3.0, 5.0))
    assert cost_of(found, "adapter_bytes") == Cost((40.0, 40.0), exact=True)


def test_a_mean_and_a_cost_of_several_seeds_print_their_interval():
    store = {
        "terms": {"alpha": 0.05},
        "subjects": {"sft": {"method": "lora", "label": "LoRA"}},
        "dataset": {"intervals": {"quality": [0.81, 0.85]}},
        "efficiency": {"sft": {"repeated": {"train_memory": [100.0, 110.0, 120.0]}}},
    }
    assert gates.interval(store, "quality", 0.83) == (0.81, 0.85)
    low, high = gates.interval(store, "train_memory:lora", 100.0)
    half = 4.302653 * 10 / 3**0.5  # t with two degrees of freedom
    assert gates.figure(store, "train_memory:lora")[2] == pytest.approx(110)
    assert (low, high) == pytest.approx((110 - half, 110 + half), abs=1e-4)
