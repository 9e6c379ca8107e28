import numpy as np
import pytest

from synthetic_instruction_tuner.analysis import gates, pareto
from synthetic_instruction_tuner.analysis.recommendations import recommend
from synthetic_instruction_tuner.analysis.verdicts import contrast
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
    assert (found["value"], found["state"]) == (value, said)


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
    costs, scores = {"a": 1, "b": 2, "c": 3}, {"a": 0.5, "b": 0.5, "c": 0.9}
    assert [pareto.is_dominated(one, costs, scores) for one in "abc"] == [False, True, False]


def test_twins_do_not_dominate_each_other():
    assert not pareto.is_dominated("a", {"a": 1, "b": 1}, {"a": 0.5, "b": 0.5})


def test_the_share_on_the_front_counts_resamples():
    draws = {"a": np.array([0.4, 0.6]), "b": np.array([0.5, 0.5])}
    quality = {name: {"score": 0.5, "low": 0.4, "high": 0.6} for name in draws}
    costs = {"a": {"adapter_bytes": 1}, "b": {"adapter_bytes": 2}}
    front = pareto.fronts(costs, quality, draws, ["a", "b"])["adapter_bytes"]
    assert (front["a"]["front_share"], front["b"]["front_share"]) == (1.0, 0.5)


def cell(verdict, delta=0.1, low=0.05, high=0.15):
    return {"status": "measured", "verdict": verdict, "delta": delta, "low": low, "high": high}


def study(sft="better", tuned="better", behind=-0.01):
    """LoRA is slower and scores a little higher; the tuned prompt trains faster."""
    costs = {"sft": 100, "tuned": 10}
    return {
        "terms": {"alpha": 0.05, "margin": 0.02},
        "subjects": {name: {"label": name.upper()} for name in ("base", "sft", "tuned")},
        "base_prompts": {},
        "benchmarks": {
            "truthfulqa_mc2": {
                "skill": "truthfulness", "label": "TQA", "items": 100, "primary": True,
            }
        },
        "scores": {
            name: {"truthfulqa_mc2": {"status": "measured", "score": score}}
            for name, score in (("base", 0.4), ("sft", 0.51), ("tuned", 0.5))
        },
        "comparisons": {
            "sft-vs-base": {"truthfulqa_mc2": cell(sft)},
            "tuned-vs-base": {"truthfulqa_mc2": cell(tuned)},
            "sft-vs-tuned": {"truthfulqa_mc2": cell("inconclusive", 0.01, -0.01, -behind)},
        },
        "efficiency": {
            name: {"memory": {"train": value}, "chain_seconds": value, "adapter_bytes": value}
            for name, value in costs.items()
        } | {"base": {}},
        "aggregate": {
            "models": {name: {"score": score} for name, score in
                       (("base", 0.1), ("sft", 0.3), ("tuned", 0.29))}
        },
    }  # fmt: skip


DRAWS = {"base": np.full(50, 0.1), "sft": np.full(50, 0.3), "tuned": np.full(50, 0.29)}


def advice(store, draws=DRAWS):
    found = recommend(store, ["base", "sft", "tuned"], draws)
    return {one["use_case"]: one for one in found}


def test_the_faster_arm_wins_when_it_is_not_worse_by_more_than_the_margin():
    found = advice(study(behind=-0.01))
    assert found["truthfulness"]["winner"] == "tuned"
    assert found["balance"]["winner"] == "tuned"
    assert found["truthfulness"]["others"] == ["sft"]


def test_the_best_arm_wins_when_the_faster_one_may_be_worse():
    assert advice(study(behind=-0.06))["truthfulness"]["winner"] == "sft"


def test_an_inconclusive_gain_is_no_recommendation():
    found = advice(study(sft="inconclusive", tuned="inconclusive"))
    assert (found["truthfulness"]["state"], found["truthfulness"]["winner"]) == ("none", None)
    assert found["least_memory"]["state"] == "none"
    assert "no arm is shown to be better" in found["truthfulness"]["reason"]


def test_costs_choose_among_useful_arms_and_name_the_cheaper_useless_one():
    found = advice(study(tuned="inconclusive"))["smallest_file"]
    assert found["winner"] == "sft"
    assert "TUNED would be cheaper, but without a proven gain" in found["reason"]


def test_a_cheaper_arm_that_loses_somewhere_is_not_said_to_have_no_gain():
    reason = advice(study(tuned="worse"))["smallest_file"]["reason"]
    assert "TUNED would be cheaper, but with a proven loss somewhere" in reason
    assert "without a proven gain" not in reason


@pytest.mark.parametrize(("size", "winner"), [(99_500, "sft"), (90_000, "tuned")])
def test_of_equal_costs_the_faster_arm_is_named(size, winner):
    store = study()
    for arm, seconds, own in (("sft", 10.0, 100_000), ("tuned", 20.0, size)):
        store["efficiency"][arm] |= {"chain_seconds": seconds, "adapter_bytes": own}
    assert advice(store)["smallest_file"]["winner"] == winner


def test_where_nobody_scores_no_model_has_the_highest_score():
    store = study(sft="equivalent", tuned="equivalent")
    store["warnings"] = [{"kind": "floor", "benchmarks": ["truthfulqa_mc2"]}]
    reason = advice(store)["truthfulness"]["reason"]
    assert reason == "TQA: too hard for every model here, the base and all arms."


def test_an_arm_that_loses_somewhere_is_not_harmless():
    found = advice(study(tuned="worse"))["harmless"]
    assert (found["winner"], found["others"]) == ("sft", ["sft"])


def test_what_was_not_measured_everywhere_is_not_recommended():
    store = study()
    store["benchmarks"]["mmlu"] = {
        "skill": "knowledge", "label": "MMLU", "items": 9, "primary": True,
    }  # fmt: skip
    for row in store["scores"].values():
        row["mmlu"] = {"status": "measured", "score": 0.3}
    store["comparisons"]["sft-vs-base"]["mmlu"] = cell("equivalent", 0.0, -0.01, 0.01)
    store["comparisons"]["tuned-vs-base"]["mmlu"] = {"status": "not measured"}
    found = advice(store)
    assert found["smallest_file"]["winner"] == "sft"
    assert "TUNED would be cheaper, but not measured on" in found["smallest_file"]["reason"]
    assert found["harmless"]["others"] == ["sft"]


def test_a_figure_that_is_no_number_was_not_measured():
    store = STORE | {"dataset": {"measures": {"mean_quality": float("nan")}}}
    gate = GateConfig(name="quality", comparison=">=", threshold=0.7, source="test")
    assert gates.evaluate(store, [gate])[0]["state"] == "not measured"


def test_without_results_nothing_is_recommended():
    store = study()
    store["comparisons"] = {}
    store["aggregate"] = {"models": {}}
    store["efficiency"] = {name: {} for name in store["subjects"]}
    for row in store["scores"].values():
        row["truthfulqa_mc2"] = {"status": "not measured"}
    assert {one["state"] for one in advice(store, {}).values()} == {"not measured"}


def test_a_comparison_can_be_read_from_either_side():
    turned = contrast(study(), "base", "sft", "truthfulqa_mc2")
    assert turned == {"delta": -0.1, "low": -0.15, "high": -0.05, "verdict": "worse"}


def test_reasons_hold_no_numbers_of_their_own():
    import re

    for one in advice(study()).values():
        text = re.sub(r"\[\[.*?\]\]", "", one["reason"] + one["rule"])
        assert not re.search(r"\d", text), text
