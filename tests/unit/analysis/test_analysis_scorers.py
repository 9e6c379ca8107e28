"""What the samples of two scorers showed is summed up over the models of a report."""

from synthetic_instruction_tuner.analysis.results import Measured
from synthetic_instruction_tuner.analysis.scorers import describe_scorers
from synthetic_instruction_tuner.records import BenchmarkResult


def ranked(used, largest, changed, tolerance=1e-4):
    agreement = {
        "items": 16, "requests": 64, "largest": largest, "scatter": tolerance / 4,
        "tolerance": tolerance, "changed": changed, "used": used,
    }  # fmt: skip
    measurements = {"agreement": agreement}
    return Measured(BenchmarkResult("x", "mmlu", "acc", True, 0.25, 0, {}, {}, measurements), ())


def test_the_worst_model_counts_and_written_benchmarks_have_no_scorer():
    written = Measured(BenchmarkResult("x", "agent", "success", True, None, 0, {}, {}, {}), ())
    results = {
        "mmlu": {
            "base": ranked("fast", 5e-4, 0, tolerance=1e-3),  # further apart, and nearer to itself
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
