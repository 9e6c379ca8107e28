import numpy as np
import pytest

from synthetic_instruction_tuner.analysis.aggregate import normalise
from synthetic_instruction_tuner.analysis.cells import Sampled, Terms, score
from synthetic_instruction_tuner.analysis.differences import (
    compare_all,
    compare_pair,
    dump,
    tally,
)
from synthetic_instruction_tuner.analysis.resampling import joint_bootstrap
from synthetic_instruction_tuner.analysis.subjects import Pair

TERMS = Terms(alpha=0.05, margin=0.02, seed=1)


def sampled(clusters=None, up=True, **values):
    count = len(next(iter(values.values())))
    clusters = clusters or [str(n) for n in range(count)]
    return Sampled(clusters, values, joint_bootstrap(values, clusters, 7), up)


def test_the_bootstrap_resamples_all_models_together():
    one = joint_bootstrap({"a": [0, 1, 1, 0], "b": [0, 1, 1, 0]}, list("wxyz"), seed=3)
    assert (one["a"] == one["b"]).all()


def test_the_bootstrap_is_the_same_for_the_same_seed_and_any_block(monkeypatch):
    values, clusters = {"a": [0.0, 1.0, 1.0, 0.5]}, list("wxyz")
    whole = joint_bootstrap(values, clusters, 3, draws=10)
    monkeypatch.setattr("synthetic_instruction_tuner.analysis.resampling.BLOCK", 4 * 3)
    assert (joint_bootstrap(values, clusters, 3, draws=10)["a"] == whole["a"]).all()


def test_clusters_are_resampled_whole():
    means = joint_bootstrap({"a": [1, 1, 1, 0]}, ["x", "x", "x", "y"], seed=1)["a"]
    assert set(np.round(means, 3)) == {0.0, 0.75, 1.0}  # yy, xy or yx, xx


def test_right_or_wrong_items_get_wilsons_interval():
    cell = score(sampled(a=[1.0] * 45 + [0.0] * 5), "a", 0.05)
    assert (cell.n, cell.score, cell.method) == (50, 0.9, "Wilson")
    assert (round(cell.low, 3), round(cell.high, 3)) == (0.786, 0.957)


def test_fractions_and_clusters_get_student():
    # mean 0.45, s / sqrt(2) = 0.25, t(1) = 12.706: cut to what items allow
    found = score(sampled(a=[0.2, 0.7]), "a", 0.05)
    assert (found.method, found.low, found.high) == ("t over items", 0.0, 1.0)
    clustered = score(sampled(list("xxyy"), a=[1.0, 0.0, 1.0, 1.0]), "a", 0.05)
    assert (clustered.method, clustered.clusters) == ("t over clusters", 2)


def test_a_difference_counts_items_and_is_paired():
    cell = compare_pair(
        "arc", sampled(a=[1.0] * 8 + [0.0] * 2, b=[0.0] * 7 + [1.0] * 3), Pair("a", "b"), TERMS
    )
    assert (cell.items_better, cell.items_worse, cell.delta) == (7, 2, 0.5)
    assert cell.test == "McNemar mid-p"


def test_a_model_without_result_is_not_measured():
    assert compare_pair("arc", sampled(a=[1.0, 0.0]), Pair("b", "a"), TERMS) is None
    pairs = [Pair("b", "a")]
    table = compare_all({"arc": sampled(a=[1.0, 0.0])}, pairs, pairs, ["arc"], TERMS)
    missing = {"status": "not measured", "challenger": "b", "reference": "a", "family": "primary"}
    assert dump(table, pairs, pairs, ["arc"]) == {"b-vs-a": {"arc": missing}}


def test_equal_answers_are_identical_and_no_certainty():
    few = compare_pair("arc", sampled(a=[0.0] * 20, b=[0.0] * 20), Pair("a", "b"), TERMS)
    assert round(few.high, 3) == 0.161  # 3.8415 / (20 + 3.8415)
    for count in (20, 400):
        data = {"arc": sampled(a=[0.0] * count, b=[0.0] * count)}
        table = compare_all(data, [Pair("a", "b")], [], [], TERMS)
        assert table["a-vs-b"]["arc"].verdict == "identical"
        assert tally(table)["a-vs-b"]["identical"] == 1


def test_equal_means_of_different_answers_are_not_identical():
    data = {"arc": sampled(a=[1.0, 0.0] * 10, b=[0.0, 1.0] * 10)}
    table = compare_all(data, [Pair("a", "b")], [], [], TERMS)
    assert table["a-vs-b"]["arc"].verdict == "inconclusive"


def test_families_are_corrected_apart():
    better, worse = [1.0] * 30 + [0.0] * 10, [0.0] * 30 + [0.0] * 10
    data = {"arc": sampled(a=better, b=worse, c=worse), "mmlu": sampled(a=worse, b=worse, c=worse)}
    pairs = [Pair("a", "b"), Pair("a", "c"), Pair("c", "b")]
    table = compare_all(data, pairs, pairs[:1], ["arc"], TERMS)
    primary = table["a-vs-b"]["arc"]
    assert (primary.family, primary.correction, primary.verdict) == ("primary", "Holm", "better")
    assert primary.p_corrected == primary.p  # alone in its family
    assert table["a-vs-b"]["mmlu"].family == "exploratory"
    assert table["a-vs-c"]["arc"].correction == "Benjamini-Hochberg"
    assert table["a-vs-c"]["arc"].p_corrected > table["a-vs-c"]["arc"].p
    assert tally(table)["a-vs-b"] == {
        "better": 1, "worse": 0, "equivalent": 0, "identical": 1, "inconclusive": 0, "measured": 2,
    }  # fmt: skip


def test_what_could_be_found_is_what_the_corrected_test_finds():
    better, worse = [1.0] * 30 + [0.0] * 70, [0.0] * 100
    data = {key: sampled(a=better, b=worse, c=worse) for key in ("arc", "mmlu")}
    pairs = [Pair("a", "b"), Pair("a", "c")]
    one = compare_all(data, pairs, pairs[:1], ["arc"], TERMS)["a-vs-b"]["arc"]
    four = compare_all(data, pairs, pairs, ["arc", "mmlu"], TERMS)["a-vs-b"]["arc"]
    error = (0.3 * 0.7 / 99) ** 0.5
    assert (one.size, four.size) == (1, 4)
    assert one.mde == pytest.approx((1.95996 + 0.84162) * error, rel=1e-4)
    assert four.mde == pytest.approx((2.49771 + 0.84162) * error, rel=1e-4)  # 0.05 / 4


def test_less_is_better_where_the_metric_says_so():
    data = {"perplexity": sampled(up=False, a=[1.0, 2.0] * 20, b=[3.0, 5.0] * 20)}
    table = compare_all(data, [Pair("a", "b")], [], [], TERMS)
    assert table["a-vs-b"]["perplexity"].verdict == "better"


def test_guessing_is_zero_and_perfect_is_one():
    assert (normalise(0.25, 0.25), normalise(1.0, 0.25), normalise(0.4, None)) == (0.0, 1.0, 0.4)
    assert normalise(0.1, 0.25) == pytest.approx(-0.2)  # worse than guessing shows
