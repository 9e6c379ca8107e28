import numpy as np
import pytest

from synthetic_instruction_tuner.analysis import gates, pareto
from synthetic_instruction_tuner.analysis.aggregate import Means, ModelMean
from synthetic_instruction_tuner.analysis.costs import Cost
from synthetic_instruction_tuner.config import CostConfig, GateConfig
from synthetic_instruction_tuner.config.operation import gpu_of
from synthetic_instruction_tuner.errors import ConfigurationError

STORE = {
    "subjects": {
        "base": {"method": None, "label": "Base"},
        "sft": {"method": "lora", "label": "LoRA"},
    },
    "dataset": {"measures": {"mean_quality": 0.8}, "kept": 900, "target": 1000},
    "training": {"sft": {"last": {"loss": 1.9}}},
    "efficiency": {"sft": {"memory": {"train": 700}}},
    "benchmarks": {"truthfulqa_mc2": {"label": "TruthfulQA"}},
    "scores": {"sft": {"truthfulqa_mc2": {"score": 0.5}}},
    "comparisons": {"sft-vs-base": {"truthfulqa_mc2": {"delta": 0.1}}},
}


def state(name, comparison, threshold):
    gate = GateConfig(name=name, comparison=comparison, threshold=threshold, source="test")
    return gates.evaluate(STORE, [gate])[0]


@pytest.mark.parametrize(
    ("name", "comparison", "threshold", "value", "said"),
    [
        ("quality", ">=", 0.7, 0.8, "pass"),
        ("kept_rows", ">=", "target_rows", 900, "fail"),
        ("eval_loss:lora", "<", 1.8, 1.9, "fail"),
        ("eval_loss:sft", "<", 2, 1.9, "pass"),
        ("train_memory:prompt_tuning", "<", "train_memory:lora", None, "not measured"),
        ("preference_accuracy:dpo", ">", 0.7, None, "not measured"),
        ("gain:lora:truthfulqa_mc2", ">", 0, 0.1, "pass"),
        ("score:sft:truthfulqa_mc2", ">", 0.5, 0.5, "fail"),
        ("margin", ">=", 0.15, None, "not measured"),
    ],
)
def test_a_gate_passes_fails_or_was_not_measured(name, comparison, threshold, value, said):
    found = state(name, comparison, threshold)
    assert (found.value, found.state) == (value, said)


def test_a_gate_of_an_unknown_figure_names_the_known_ones():
    with pytest.raises(ConfigurationError, match=r"unknown figure 'beauty'.*quality"):
        state("beauty", ">", 0)


def test_the_default_gates_stand_where_a_study_names_none():
    assert len(gates.evaluate(STORE, [])) == len(gates.DEFAULT_GATES)


@pytest.mark.parametrize(
    ("device", "gpu"),
    [
        ("cuda: Tesla T4", "T4"),
        ("cuda: NVIDIA A100-SXM4-40GB", "A100"),
        ("cuda: NVIDIA L4", "L4"),
        ("cuda: NVIDIA L40S", None),
        ("cpu: x86_64", None),
    ],
)
def test_only_a_gpu_with_a_price_has_one(device, gpu):
    assert gpu_of(device, CostConfig()) == gpu


def test_a_model_is_dominated_by_one_as_good_and_cheaper():
    costs = {name: Cost((value,)) for name, value in (("a", 1), ("b", 2), ("c", 3))}
    scores = {"a": 0.5, "b": 0.5, "c": 0.9}
    assert [pareto.is_dominated(one, costs, scores) for one in "abc"] == [False, True, False]


def test_twins_do_not_dominate_each_other():
    assert not pareto.is_dominated("a", dict.fromkeys("ab", Cost((1,))), {"a": 0.5, "b": 0.5})


def test_the_share_on_the_front_counts_resamples():
    draws = {"a": np.array([0.4, 0.6]), "b": np.array([0.5, 0.5])}
    models = {name: ModelMean(0.5, 0.4, 0.6, 0.5) for name in draws}
    means = Means({"s": ["x"]}, models, {}, draws)
    costs = {"a": {"adapter_bytes": 1}, "b": {"adapter_bytes": 2}}
    front = pareto.fronts(costs, means, ["a", "b"])["adapter_bytes"]
    assert (front["a"].front_share, front["b"].front_share) == (1.0, 0.5)


def test_costs_tie_within_their_scatter():
    once = Cost((14.75,)), Cost((14.79,)), Cost((30.0,))
    assert not once[0].is_below(once[1])  # a single timing tells no tenth
    assert once[0].is_below(once[2])
    assert Cost((99_000,), exact=True).is_below(Cost((101_000,), exact=True))
    assert not Cost((99_500,), exact=True).is_below(Cost((100_000,), exact=True))
    noisy = Cost((10.0, 14.0, 12.0)), Cost((15.0, 11.0, 16.0))
    steady = Cost((12.0, 12.1, 11.9)), Cost((14.0, 13.9, 14.1))
    assert not noisy[0].is_below(noisy[1])  # means 12 and 14, t = 1.1
    assert steady[0].is_below(steady[1])
    assert Cost((5, 5, 5)).is_below(Cost((6, 6, 6)))


def test_arms_whose_costs_tie_are_placed_by_their_scores():
    costs = {"a": Cost((14.75,)), "b": Cost((14.79,))}
    assert pareto.is_dominated("a", costs, {"a": 0.5, "b": 0.6})
    assert not pareto.is_dominated("b", costs, {"a": 0.5, "b": 0.6})


def test_gates_print_intervals_and_say_whether_chance_may_decide():
    store = {
        "subjects": {"dpo": {"method": "dpo", "label": "DPO"}},
        "training": {"dpo": {"last": {"accuracy": 63 / 89}}},
        "preference": {"validation": 89},
        "terms": {"alpha": 0.05},
    }
    gate = GateConfig(name="preference_accuracy:dpo", comparison=">", threshold=0.7, source="t")
    found = gates.evaluate(store, [gate])[0]
    assert (found.state, found.settled) == ("pass", False)
    assert (round(found.low, 2), round(found.high, 2)) == (0.61, 0.79)  # Wilson, by hand


def test_a_figure_that_is_no_number_was_not_measured():
    store = STORE | {"dataset": {"measures": {"mean_quality": float("nan")}}}
    gate = GateConfig(name="quality", comparison=">=", threshold=0.7, source="test")
    assert gates.evaluate(store, [gate])[0].state == "not measured"
