"""What does not measure is not counted: guessing, constants, floors, ceilings, one answer."""

import pytest

from synthetic_instruction_tuner.analysis import yardsticks
from synthetic_instruction_tuner.analysis.cells import sample
from synthetic_instruction_tuner.analysis.results import Measured
from synthetic_instruction_tuner.records import BenchmarkResult, ItemScore


def measured(name, scores, answers=None, chance=None, constants=None):
    answers = answers or [f"answer {at}" for at in range(len(scores))]
    items = tuple(
        ItemScore(f"i{at}", f"i{at}", "p", "t", {"acc": one}, {"response": said})
        for at, (one, said) in enumerate(zip(scores, answers, strict=True))
    )
    found = {"constants": constants} if constants else {}
    mean = sum(scores) / len(scores)
    result = BenchmarkResult(name, "x", "acc", True, chance, len(items), {"acc": mean}, {}, found)
    return Measured(result, items)


def state(*models, models_alpha=0.05):
    results = {"x": {one.result.subject: one for one in models}}
    sampled = {"x": sample("x", results["x"], 1)}
    return yardsticks.describe(sampled, results, ["x"], list(results["x"]), models_alpha)["x"]


def share(right, n=320):
    return [1.0] * right + [0.0] * (n - right)


def test_a_model_that_always_says_b_is_flagged_and_no_better_than_its_letter():
    letters = {"always A": 0.25, "always B": 87 / 320, "always C": 0.24, "always D": 0.238}
    arm = measured("sft", share(87), ["B"] * 320, 0.25, letters)
    base = measured("base", share(80), list("ABCD") * 80, 0.25, letters)
    found = state(base, arm)
    assert found.answers["sft"] == yardsticks.Commonest("B", 1.0, True)
    assert found.answers["base"] == yardsticks.Commonest("A", 0.25, False)
    assert (found.constant, found.floor) == ("always B", 87 / 320)
    assert (found.state, found.measures) == ("floor", False)


def test_a_no_that_beats_the_models_is_their_floor():
    constants = {"nothing": 0.0, "no": 50 / 240, "yes": 0.1}
    found = state(measured("base", share(20, 240), constants=constants),
                  measured("sft", share(42, 240), constants=constants))  # fmt: skip
    assert (found.constant, found.constant_score, found.state) == ("no", 50 / 240, "floor")


def test_one_model_above_the_floor_makes_a_benchmark_measure():
    constants = {"no": 50 / 240}
    found = state(measured("base", share(20, 240), constants=constants),
                  measured("sft", share(80, 240), constants=constants))  # fmt: skip
    assert found.state == "measures"


def test_above_the_floor_has_to_be_shown_for_as_many_models_as_there_are():
    # 63 of 200 against 25 %: Wilson's 95 % interval begins at 25.5 %, that for one of ten at 22 %.
    lucky, others = measured("a", share(63, 200), chance=0.25), range(9)
    assert state(lucky).state == "measures"
    plain = [measured(f"m{n}", share(50, 200), chance=0.25) for n in others]
    assert state(lucky, *plain).state == "floor"


@pytest.mark.parametrize(
    ("right", "expected"),
    [((306, 306), "ceiling"), ((306, 304), "ceiling"), ((306, 280), "measures")],
)
def test_all_right_tells_no_differences(right, expected):
    found = state(*(measured(f"m{n}", share(k, 306), chance=0.25) for n, k in enumerate(right)))
    assert found.state == expected


def test_all_wrong_is_the_floor():
    assert state(measured("base", share(0, 250)), measured("sft", share(0, 250))).state == "floor"


def test_few_items_and_missing_answers_flag_nobody():
    assert not yardsticks.commonest(measured("a", [1.0] * 5, ["B"] * 5)).one_answer
    items = tuple(ItemScore(f"i{n}", "c", "p", "t", {"acc": 1.0}, {}) for n in range(30))
    result = BenchmarkResult("a", "x", "acc", True, None, 30, {"acc": 1.0}, {}, {})
    assert yardsticks.commonest(Measured(result, items)) is None
    assert yardsticks.commonest(None) is None


def test_a_benchmark_that_nobody_was_measured_on_has_no_floor():
    found = yardsticks.describe({}, {}, ["x"], ["base"], 0.05)["x"]
    assert (found.state, found.answers) == ("not measured", {"base": None})
