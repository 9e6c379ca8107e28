"""What the samples of two scorers showed is summed up over the models of a report."""

from synthetic_instruction_tuner.analysis.results import Measured
from synthetic_instruction_tuner.analysis.scorers import describe_scorers
from synthetic_instruction_tuner.records import BenchmarkResult


def ranked(used, largest, changed):
    agreement = {
        "items": 16, "requests": 64, "largest": largest, "changed": changed, "tolerance": 1e-4,
        "used": used,
    }  # fmt: skip
    measurements = {"agreement": agreement}
    return Measured(BenchmarkResult("x", "mmlu", "acc", True, 0.25, 0, {}, {}, measurements), ())


def test_the_worst_model_counts_and_written_benchmarks_have_no_scorer():
    written = Measured(BenchmarkResult("x", "agent", "success", True, None, 0, {}, {}, {}), ())
    results = {
        "mmlu": {
            "base": ranked("fast", 2e-6, 0),
            "sft": ranked("plain", 3e-4, 2),
            "sft-seed2": ranked("plain", 1.0, 16),  # not in the tables
        },
        "agent": {"base": written},
    }
    assert describe_scorers(results, ["base", "sft"]) == {
        "mmlu": {
            "models": 2, "fast": 1, "items": 32, "largest": 3e-4, "tolerance": 1e-4, "changed": 2,
        }
    }  # fmt: skip
