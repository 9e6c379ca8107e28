import numpy as np
import pytest

from synthetic_instruction_tuner.analysis.aggregate import macro_means, normalise
from synthetic_instruction_tuner.analysis.cells import Sampled, Terms, score
from synthetic_instruction_tuner.analysis.differences import compare_all, compare_pair, tally
from synthetic_instruction_tuner.analysis.resampling import joint_bootstrap
from synthetic_instruction_tuner.analysis.seeds import between_seeds
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
    assert (cell["n"], cell["score"], cell["method"]) == (50, 0.9, "Wilson")
    assert (round(cell["low"], 3), round(cell["high"], 3)) == (0.786, 0.957)


def test_fractions_get_the_bootstrap_and_clusters_student():
    assert score(sampled(a=[0.2, 0.7]), "a", 0.05)["method"] == "bootstrap"
    clustered = score(sampled(list("xxyy"), a=[1.0, 0.0, 1.0, 1.0]), "a", 0.05)
    assert (clustered["method"], clustered["clusters"]) == ("t over clusters", 2)


def test_a_difference_counts_items_and_is_paired():
    cell = compare_pair(
        "arc", sampled(a=[1.0] * 8 + [0.0] * 2, b=[0.0] * 7 + [1.0] * 3), Pair("a", "b"), TERMS
    )
    assert (cell["items_better"], cell["items_worse"], cell["delta"]) == (7, 2, 0.5)
    assert cell["test"] == "McNemar mid-p"


def test_a_model_without_result_is_not_measured():
    cell = compare_pair("arc", sampled(a=[1.0, 0.0]), Pair("b", "a"), TERMS)
    assert cell == {"status": "not measured", "challenger": "b", "reference": "a"}


def test_no_differing_item_does_not_claim_certainty():
    few = compare_pair("arc", sampled(a=[0.0] * 20, b=[0.0] * 20), Pair("a", "b"), TERMS)
    assert round(few["high"], 3) == 0.161  # 3.8415 / (20 + 3.8415)
    table = compare_all(
        {"arc": sampled(a=[0.0] * 20, b=[0.0] * 20)}, [Pair("a", "b")], [], [], TERMS
    )
    assert table["a-vs-b"]["arc"]["verdict"] == "inconclusive"
    many = {"arc": sampled(a=[0.0] * 400, b=[0.0] * 400)}
    table = compare_all(many, [Pair("a", "b")], [], [], TERMS)
    assert table["a-vs-b"]["arc"]["verdict"] == "equivalent"


def test_families_are_corrected_apart():
    better, worse = [1.0] * 30 + [0.0] * 10, [0.0] * 30 + [0.0] * 10
    data = {"arc": sampled(a=better, b=worse, c=worse), "mmlu": sampled(a=worse, b=worse, c=worse)}
    pairs = [Pair("a", "b"), Pair("a", "c"), Pair("c", "b")]
    table = compare_all(data, pairs, pairs[:1], ["arc"], TERMS)
    primary = table["a-vs-b"]["arc"]
    assert (primary["family"], primary["correction"], primary["verdict"]) == (
        "primary", "Holm", "better",
    )  # fmt: skip
    assert primary["p_corrected"] == primary["p"]  # alone in its family
    assert table["a-vs-b"]["mmlu"]["family"] == "exploratory"
    assert table["a-vs-c"]["arc"]["correction"] == "Benjamini-Hochberg"
    assert table["a-vs-c"]["arc"]["p_corrected"] > table["a-vs-c"]["arc"]["p"]
    assert tally(table)["a-vs-b"] == {
        "better": 1, "worse": 0, "equivalent": 0, "inconclusive": 1, "measured": 2,
    }  # fmt: skip


def test_less_is_better_where_the_metric_says_so():
    data = {"perplexity": sampled(up=False, a=[1.0, 2.0] * 20, b=[3.0, 5.0] * 20)}
    table = compare_all(data, [Pair("a", "b")], [], [], TERMS)
    assert table["a-vs-b"]["perplexity"]["verdict"] == "better"


def test_guessing_is_nought_and_perfect_is_one():
    assert (normalise(0.25, 0.25), normalise(1.0, 0.25), normalise(0.4, None)) == (0.0, 1.0, 0.4)
    assert normalise(0.1, 0.25) == pytest.approx(-0.2)  # worse than guessing shows


def test_the_mean_over_benchmarks_takes_what_all_models_have():
    data = {
        "arc": sampled(a=[1.0, 1.0, 0.0, 0.0], b=[0.0, 0.0, 0.0, 0.0]),
        "own": sampled(a=[1.0, 1.0]),
        "loss": sampled(a=[3.0, 3.0], b=[2.0, 2.0]),
    }
    table, draws = macro_means(
        data, {"arc": 0.25, "own": None, "loss": None}, ["a", "b", "c"], 0.05
    )
    assert table["benchmarks"] == ["arc"]
    assert table["models"]["a"]["score"] == pytest.approx((0.5 - 0.25) / 0.75)
    assert table["models"]["c"] is None
    assert table["models"]["a"]["first_share"] + table["models"]["b"]["first_share"] == 1
    assert len(draws["a"]) == len(draws["b"])


def test_models_that_share_the_first_place_share_the_draw():
    same = [1.0, 0.0, 1.0, 0.0]
    table, _ = macro_means({"arc": sampled(a=same, b=same)}, {"arc": None}, ["a", "b"], alpha=0.05)
    assert [table["models"][name]["first_share"] for name in "ab"] == [0.5, 0.5]


def test_one_seed_says_nothing_about_the_next():
    subjects = {"base": {"arm": None}, "sft": {"arm": "sft"}, "sft-seed43": {"arm": "sft"}}
    cell = {"status": "measured", "score": 0.5}
    rows = {
        "base": {"arc": cell},
        "sft": {"arc": cell},
        "sft-seed43": {"arc": cell | {"score": 0.7}},
    }
    spread = between_seeds(subjects, rows)["sft"]["arc"]
    assert (spread["seeds"], spread["mean"], round(spread["sd"], 3)) == (2, 0.6, 0.141)
    alone = between_seeds({"sft": {"arm": "sft"}}, {"sft": {"arc": cell}})["sft"]["arc"]
    assert (alone["sd"], alone["note"]) == (None, "one seed: this checkpoint only")
    missing = {"sft": {"arc": {"status": "not measured"}}}
    none = between_seeds({"sft": {"arm": "sft"}}, missing)["sft"]["arc"]
    assert (none["seeds"], none["note"]) == (0, "not measured")
