"""What a run tells about its costs."""

from synthetic_instruction_tuner.analysis.efficiency import efficiency
from synthetic_instruction_tuner.config import CostConfig
from synthetic_instruction_tuner.records import TrainingRun

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
    found = efficiency(subjects, {"sft": planned, "cpu": plain}, {}, CostConfig())
    assert (found["sft"]["memory"]["train"], found["sft"]["planned_memory"]) == (1000, 950)
    assert found["cpu"]["planned_memory"] is None
