"""Means over skills, and training seeds as part of every inference."""

import math

import numpy as np
import pytest
from scipy.stats import t

from synthetic_instruction_tuner.analysis.aggregate import macro_means
from synthetic_instruction_tuner.analysis.cells import Sampled, Terms, score
from synthetic_instruction_tuner.analysis.differences import compare_all, compare_pair
from synthetic_instruction_tuner.analysis.evidence import (
    Parts,
    Student,
    independent,
    overlapping,
    parts_of,
)
from synthetic_instruction_tuner.analysis.resampling import joint_bootstrap, over_seeds
from synthetic_instruction_tuner.analysis.seeds import between_seeds
from synthetic_instruction_tuner.analysis.subjects import Pair

TERMS = Terms(alpha=0.05, margin=0.02, seed=1)
RUNS = {"base": {None: "base"}, "a": {1: "a", 2: "a-seed2", 3: "a-seed3"}}


def sampled(runs=None, clusters=None, **values):
    values = {name.replace("_", "-"): one for name, one in values.items()}
    clusters = clusters or [str(n) for n in range(len(next(iter(values.values()))))]
    draws = joint_bootstrap(values, clusters, 7, draws=200)
    return Sampled(clusters, values, draws | over_seeds(draws, runs or {}, 1), True, runs or {})


def means(data, chances=None, skills=None, models=("a", "b"), alpha=0.05):
    chances = dict.fromkeys(data) | (chances or {})
    return macro_means(data, chances, {k: k for k in data} | (skills or {}), list(models), alpha)


# --- means ---------------------------------------------------------------------------------------


def test_a_skill_counts_once_however_many_benchmarks_ask_for_it():
    data = {
        "mmlu-0shot": sampled(a=[1.0, 1.0, 0.0, 0.0], b=[0.0] * 4),
        "mmlu-5shot": sampled(a=[1.0, 1.0, 1.0, 1.0], b=[0.0] * 4),
        "arc": sampled(a=[0.0] * 4, b=[1.0] * 4),
    }
    found = means(data, skills={"mmlu-0shot": "knowledge", "mmlu-5shot": "knowledge"})
    assert found.skills == {"knowledge": ["mmlu-0shot", "mmlu-5shot"], "arc": ["arc"]}
    assert found.models["a"].score == pytest.approx(((0.5 + 1.0) / 2 + 0.0) / 2)
    assert found.models["b"].score == pytest.approx(0.5)


def test_the_mean_takes_what_all_models_have_and_scales_by_chance():
    data = {
        "arc": sampled(a=[1.0, 1.0, 0.0, 0.0], b=[0.0, 0.0, 0.0, 0.0]),
        "own": sampled(a=[1.0, 1.0]),
        "loss": sampled(a=[3.0, 3.0], b=[2.0, 2.0]),
    }
    found = means(data, {"arc": 0.25}, models=("a", "b", "c"))
    assert found.benchmarks == ["arc"]
    assert found.models["a"].score == pytest.approx((0.5 - 0.25) / 0.75)
    assert found.models["b"].score == pytest.approx(-0.25 / 0.75)
    assert found.models["c"] is None
    assert found.models["a"].first_share + found.models["b"].first_share == 1


def test_models_that_share_the_first_place_share_the_draw():
    same = [1.0, 0.0, 1.0, 0.0]
    found = means({"arc": sampled(a=same, b=same)})
    assert [found.models[name].first_share for name in "ab"] == [0.5, 0.5]


def test_the_interval_of_a_mean_is_students_over_clusters():
    # One benchmark, chance 0: the mean is that of the items, so its interval is t over 4 clusters.
    values, clusters = [1.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0], list("aabbccdd")
    found = means({"x": sampled(clusters=clusters, a=values, b=[0.0] * 8)}).models["a"]
    # cluster sums less 2 * mean 0.5: 0, 1, -1, 0; sqrt(4/3 * 2) / 8 = 0.2041; t(3) = 3.1824
    assert (found.low, found.high) == pytest.approx((0.5 - 0.6496, 0.5 + 0.6496), abs=5e-4)


def test_gaps_hold_for_all_arms_at_once():
    generator = np.random.default_rng(0)
    rows = {name: list(generator.integers(2, size=50).astype(float)) for name in "abc"}
    found = means({"x": sampled(**rows)}, models=("a", "b", "c"))
    deltas = np.subtract(rows["b"], rows["a"])
    half = t.ppf(1 - 0.025 / 2, 49) * deltas.std(ddof=1) / math.sqrt(50)
    gap = found.gaps["b-vs-a"]
    assert (gap.low, gap.high) == pytest.approx((deltas.mean() - half, deltas.mean() + half))


def test_without_a_benchmark_that_counts_there_is_no_mean():
    found = means({})
    assert (found.skills, found.models, found.gaps) == ({}, {"a": None, "b": None}, {})


# --- seeds ---------------------------------------------------------------------------------------


def test_variance_is_taken_apart_as_by_hand():
    # Rows (seeds) 1 3, 3 5, 5 7: no interaction; item means 3 5, seed means 2 4 6.
    parts = parts_of([[1, 3], [3, 5], [5, 7]], ["x", "y"])
    assert parts.runs == (2.0, 4.0, 6.0)
    assert parts.items == pytest.approx(2 / 2)  # variance 2 of two items' means
    assert parts.noise == pytest.approx(0.0)
    assert parts.seeds == pytest.approx(4 / 3)
    student = parts.student()
    assert (student.value, student.error**2) == (4.0, pytest.approx(7 / 3))
    assert (student.share, student.seed_df) == (pytest.approx(4 / 7), 2)


def test_interaction_is_not_counted_twice_but_with_two_seeds():
    # +1 -1 and -1 +1: only interaction, its variance 4, of the mean of 2 x 2: 1
    parts = parts_of([[1, -1], [-1, 1]], ["x", "y"])
    assert (parts.items, parts.noise, parts.seeds) == (0.0, pytest.approx(1.0), 0.0)
    assert Parts((0.0, 2.0), 1.0, 9, noise=0.5).seeds == 1.0
    assert Parts((0.0, 2.0, 1.0), 1.0, 9, noise=0.25).seeds == pytest.approx(1 / 3 - 0.25)


def test_quantiles_of_items_and_seeds_are_weighed():
    student = Student(1.0, 0.5, 100.0, share=0.25, seed_df=2)
    expected = 0.75 * t.isf(0.025, 100) + 0.25 * t.isf(0.025, 2)
    low, high = student.interval(0.05)
    assert (low, high) == pytest.approx((1 - expected / 2, 1 + expected / 2))
    assert Student(expected / 2, 0.5, 100.0, 0.25, 2).p == pytest.approx(0.05)
    assert Student(-expected / 2, 0.5, 100.0, 0.25, 2).p_below(0.0) == pytest.approx(0.025)
    assert student.p_above(2.0) == pytest.approx(1 - student.p_below(2.0))


def test_errors_of_other_items_add_as_squares_of_the_same_items_as_they_are():
    one, two = Parts((1.0,), 9.0, 10), Parts((2.0,), 16.0, 20)
    assert independent([one, two]).student().error == 5.0
    assert overlapping([one, two]).student().error == 7.0
    assert overlapping([one, two]).df == 10
    assert one.scaled(2.0).items == 36.0


def test_an_arm_of_several_seeds_is_their_mean_and_its_interval_counts_them():
    base = [0.0, 1.0] * 20
    data = sampled(RUNS, base=base, a=base, a_seed2=[1.0] * 40, a_seed3=[0.0] * 40)
    cell = score(data, "a", 0.05)
    assert (cell.seeds, cell.score, cell.method) == (3, 0.5, "t over items and seeds")
    alone = score(sampled(base=base), "base", 0.05)
    assert cell.high - cell.low > 2 * (alone.high - alone.low)


def test_seeds_that_scatter_keep_a_difference_open_that_one_seed_would_claim():
    base = [0.0] * 30 + [1.0] * 30
    better, same, worse = [1.0] * 60, base, [0.0] * 30 + [1.0] * 25 + [0.0] * 5
    pair = Pair("a", "base")
    one = compare_pair("x", sampled(base=base, a=better), pair, TERMS)
    assert (one.seeds, one.test, one.p < 1e-6) == (1, "McNemar mid-p", True)
    data = {"x": sampled(RUNS, base=base, a=better, a_seed2=same, a_seed3=worse)}
    found = compare_all(data, [pair], [pair], ["x"], TERMS)[pair.key]["x"]
    assert (found.seeds, found.test) == (3, "t over items and seeds")
    assert found.delta == pytest.approx((0.5 + 0.0 - 5 / 60) / 3)
    assert (found.verdict, found.p > 0.2) == ("inconclusive", True)


def test_only_seeds_that_both_were_measured_with_are_compared():
    runs = {"a": {1: "a", 2: "a-seed2"}, "b": {1: "b", 2: "b-seed2"}, "base": {None: "base"}}
    data = sampled(runs, a=[1.0, 0.0], a_seed2=[1.0, 1.0], b=[0.0, 0.0], base=[0.0, 1.0])
    assert data.seeds("a", "b") == [1]
    assert data.differences("a", "b") == [[1.0, 0.0]]
    assert data.differences("a", "base") == [[1.0, -1.0], [1.0, 0.0]]
    assert data.seeds("a", "c") == []


def test_draws_of_an_arm_resample_its_seeds():
    draws = {"a": np.zeros(4000), "a-seed2": np.ones(4000), "base": np.full(4000, 0.3)}
    runs = {"a": {1: "a", 2: "a-seed2"}, "base": {None: "base"}, "c": {1: "c"}}
    found = over_seeds(draws, runs, seed=3)
    assert sorted(found) == ["a", "base"]
    values, counts = np.unique(found["a"], return_counts=True)
    assert list(values) == [0.0, 0.5, 1.0]
    assert counts[1] / 4000 == pytest.approx(0.5, abs=0.03)


def test_one_seed_says_nothing_about_the_next():
    subjects = {"base": {"arm": None}, "sft": {"arm": "sft"}, "sft-seed43": {"arm": "sft"}}
    runs = {"base": {"arc": 0.5}, "sft": {"arc": 0.5}, "sft-seed43": {"arc": 0.7}}
    spread = between_seeds(subjects, runs, ["arc"])["sft"]["arc"]
    assert (spread.seeds, spread.mean, round(spread.sd, 3)) == (2, 0.6, 0.141)
    alone = between_seeds({"sft": {"arm": "sft"}}, {"sft": {"arc": 0.5}}, ["arc"])["sft"]["arc"]
    assert (alone.sd, alone.note) == (None, "one seed: these trained models only")
    none = between_seeds({"sft": {"arm": "sft"}}, {}, ["arc"])["sft"]["arc"]
    assert (none.seeds, none.note) == (0, "not measured")
