import pytest

from synthetic_instruction_tuner.analysis.aggregate import Gap, Means, ModelMean
from synthetic_instruction_tuner.analysis.recommendations import recommend
from synthetic_instruction_tuner.analysis.verdicts import contrast


def cell(verdict, delta=0.1, low=0.05, high=0.15):
    lost = 0.001 if low > -0.05 else 0.4
    return {
        "status": "measured", "verdict": verdict, "delta": delta, "low": low, "high": high,
        "p_no_loss": 0.9 if verdict == "worse" else lost,
    }  # fmt: skip


def study(sft="better", tuned="better", behind=-0.01):
    """LoRA is slower and scores a little higher; the tuned prompt trains faster."""
    costs = {"sft": 100, "tuned": 10}
    return {
        "base_prompts": {},
        "terms": {"alpha": 0.05, "margin": 0.02, "loss": 0.05},
        "yardsticks": {"truthfulqa_mc2": {"state": "measures"}},
        "subjects": {name: {"label": name.upper()} for name in ("base", "sft", "tuned")},
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
    }  # fmt: skip


def means(**scores):
    """Means without any uncertainty."""
    found = scores or {"base": 0.1, "sft": 0.3, "tuned": 0.29}
    gaps = {
        f"{a}-vs-{b}": Gap(a, b, found[a] - found[b], found[a] - found[b], found[a] - found[b])
        for a in found
        for b in found
    }
    models = {name: ModelMean(one, one, one, 0.0) for name, one in found.items()}
    return Means({"truthfulness": ["truthfulqa_mc2"]}, models, gaps, {})


def advice(store, with_all=None, elsewhere=None):
    with_all = with_all or means()
    found = recommend(store, ["base", "sft", "tuned"], with_all, elsewhere or with_all)
    return {one.use_case: vars(one) for one in found}


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


def test_a_loss_that_is_not_ruled_out_is_no_absence_of_loss():
    store = study()
    store["benchmarks"]["mmlu"] = {
        "skill": "knowledge", "label": "MMLU", "items": 9, "primary": True,
    }  # fmt: skip
    store["yardsticks"]["mmlu"] = {"state": "measures"}
    for row in store["scores"].values():
        row["mmlu"] = {"status": "measured", "score": 0.3}
    store["comparisons"]["sft-vs-base"]["mmlu"] = cell("inconclusive", 0.0, -0.04, 0.04)
    store["comparisons"]["tuned-vs-base"]["mmlu"] = cell("inconclusive", 0.0, -0.2, 0.2)
    found = advice(store)
    assert (found["smallest_file"]["winner"], found["harmless"]["winner"]) == ("sft", "sft")
    assert "TUNED would be cheaper, but a loss of more than" in found["smallest_file"]["reason"]
    store["yardsticks"]["mmlu"]["state"] = "floor"  # then it shows nothing either way
    assert advice(store)["smallest_file"]["winner"] == "tuned"


def test_a_gain_on_tasks_like_those_trained_on_is_no_gain_overall():
    found = advice(study(), elsewhere=means(base=0.1, sft=0.1, tuned=0.05))["balance"]
    assert (found["state"], found["winner"]) == ("none", None)
    assert found["reason"] == (
        "SFT and TUNED: above the base only with tasks like those trained on."
    )


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
    store["yardsticks"]["truthfulqa_mc2"] = {"state": "floor", "floor": 0.4}
    found = advice(store)["truthfulness"]
    assert (found["state"], found["reason"].split(" is shown")[0]) == ("none", "TQA: no model here")
    store["yardsticks"]["truthfulqa_mc2"] = {"state": "ceiling"}
    reason = advice(store)["truthfulness"]["reason"]
    assert reason == "TQA: solved by every model here, the base and all arms."


def test_an_arm_that_loses_somewhere_is_not_harmless():
    found = advice(study(tuned="worse"))["harmless"]
    assert (found["winner"], found["others"]) == ("sft", ["sft"])


def test_what_was_not_measured_everywhere_is_not_recommended():
    store = study()
    store["benchmarks"]["mmlu"] = {
        "skill": "knowledge", "label": "MMLU", "items": 9, "primary": True,
    }  # fmt: skip
    store["yardsticks"]["mmlu"] = {"state": "measures"}
    for row in store["scores"].values():
        row["mmlu"] = {"status": "measured", "score": 0.3}
    store["comparisons"]["sft-vs-base"]["mmlu"] = cell("equivalent", 0.0, -0.01, 0.01)
    store["comparisons"]["tuned-vs-base"]["mmlu"] = {"status": "not measured"}
    found = advice(store)
    assert found["smallest_file"]["winner"] == "sft"
    assert "TUNED would be cheaper, but not measured on" in found["smallest_file"]["reason"]
    assert found["harmless"]["others"] == ["sft"]


def test_without_results_nothing_is_recommended():
    store = study()
    store["comparisons"] = {}
    store["efficiency"] = {name: {} for name in store["subjects"]}
    for row in store["scores"].values():
        row["truthfulqa_mc2"] = {"status": "not measured"}
    assert {one["state"] for one in advice(store, Means({}, {}, {}, {})).values()} == {
        "not measured"
    }


def test_a_comparison_can_be_read_from_either_side():
    turned = contrast(study(), "base", "sft", "truthfulqa_mc2")
    assert turned == {"delta": -0.1, "low": -0.15, "high": -0.05, "verdict": "worse"}


def test_reasons_hold_no_numbers_of_their_own():
    import re

    for one in advice(study()).values():
        text = re.sub(r"\[\[.*?\]\]", "", one["reason"] + one["rule"])
        assert not re.search(r"\d", text), text
