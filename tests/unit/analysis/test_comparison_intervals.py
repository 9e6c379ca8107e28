"""Which interval a cell of the comparison gets: that depends on whether items share clusters."""

import pytest
from scipy.stats import t

from synthetic_instruction_tuner.analysis import statistics
from synthetic_instruction_tuner.analysis.cells import Sampled, Terms, sample, score
from synthetic_instruction_tuner.analysis.differences import compare_all, compare_pair
from synthetic_instruction_tuner.analysis.resampling import joint_bootstrap
from synthetic_instruction_tuner.analysis.results import Measured
from synthetic_instruction_tuner.analysis.subjects import Pair
from synthetic_instruction_tuner.records import BenchmarkResult, ItemScore

TERMS = Terms(alpha=0.05, margin=0.02, seed=42)
BASE = [0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0]
SFT = [1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0]
FOUR = ["a", "a", "b", "b", "c", "c", "d", "d"]


def sampled(clusters):
    values = {"base": BASE, "sft": SFT}
    draws = joint_bootstrap(values, clusters, seed=0, draws=200)
    return Sampled(clusters, values, draws, higher_is_better=True)


def test_clustered_items_are_bounded_by_their_clusters():
    cell = compare_pair("mmlu", sampled(FOUR), Pair("sft", "base"), TERMS)
    deltas = [a - b for a, b in zip(SFT, BASE, strict=True)]
    assert (cell.low, cell.high) == pytest.approx(statistics.cluster_interval(deltas, FOUR, 0.05))
    # t(3) of (0.5 - 0.02) standard errors on the upper side: far from equivalent
    error = statistics.standard_error(deltas, FOUR)
    assert cell.p_equivalent == pytest.approx(float(t.cdf((0.5 - 0.02) / error, 3)))
    assert cell.test == "sign-flip permutation"


def test_what_could_be_found_follows_from_the_clusters_if_the_test_can_find_anything():
    def detectable(count):
        clusters = [f"subject {at % count}" for at in range(24)]
        values = {"base": BASE * 3, "sft": SFT * 3}
        draws = joint_bootstrap(values, clusters, seed=0, draws=20)
        found = Sampled(clusters, values, draws)
        pair = Pair("sft", "base")
        cell = compare_all({"mmlu": found}, [pair], [pair], ["mmlu"], TERMS)[pair.key]["mmlu"]
        deltas = [a - b for a, b in zip(SFT * 3, BASE * 3, strict=True)]
        return cell, statistics.standard_error(deltas, clusters)

    cell, error = detectable(6)
    assert cell.mde == pytest.approx(
        statistics.minimal_detectable_difference(error, 0.05, clusters=6)
    )
    cell, _ = detectable(5)
    assert cell.p >= 2 / 2**5 > 0.05
    assert cell.mde is None


def test_without_any_difference_clusters_bound_it_not_their_items():
    values, clusters = [0.0] * 40, [f"family {at // 10}" for at in range(40)]
    draws = joint_bootstrap({"base": values, "sft": values}, clusters, seed=0, draws=20)
    found = Sampled(clusters, {"base": values, "sft": values}, draws)
    pair = Pair("sft", "base")
    cell = compare_all({"agent": found}, [pair], [], [], TERMS)[pair.key]["agent"]
    assert cell.high == 1 - 0.025 ** (1 / 4)
    assert cell.mde is None


def test_a_clustered_score_stays_a_share():
    cell = score(sampled(FOUR), "base", 0.05)
    assert cell.method == "t over clusters"
    assert (cell.score, cell.low) == (0.25, 0.0)
    assert cell.high <= 1.0


def test_single_items_keep_wilson_and_mcnemar():
    alone = sampled([str(at) for at in range(8)])
    assert score(alone, "base", 0.05).method == "Wilson"
    assert compare_pair("arc", alone, Pair("sft", "base"), TERMS).test == "McNemar mid-p"


def test_one_cluster_speaks_of_its_own_items():
    def measured(name, scores):
        items = tuple(
            ItemScore(f"i{at}", "only one", "p", "t", {"acc": one}, {})
            for at, one in enumerate(scores)
        )
        result = BenchmarkResult(
            subject=name,
            benchmark="mmlu",
            metric="acc",
            higher_is_better=True,
            chance=0.25,
            items=len(items),
            scores={"acc": sum(scores) / len(scores)},
            conditions={},
            measurements={},
        )
        return Measured(result, items)

    found = sample("mmlu", {"base": measured("base", BASE), "sft": measured("sft", SFT)}, seed=0)
    assert not found.clustered
    cell = compare_pair("mmlu", found, Pair("sft", "base"), TERMS)
    assert cell.clusters == 8
    assert cell.delta == 0.5
    assert 0.0 <= cell.low < 0.5 < cell.high <= 1.0


def test_strata_are_no_clusters():
    """Subjects that each give a fixed share were not drawn: their items are."""
    items = tuple(
        ItemScore(f"i{at}", FOUR[at], "p", "t", {"acc": one}, {}) for at, one in enumerate(SFT)
    )
    result = BenchmarkResult("sft", "mmlu", "acc", True, 0.25, 8, {"acc": 0.625}, {}, {})
    measured = {"sft": Measured(result, items)}
    assert sample("mmlu", measured, 0, strata=True).clustered is False
    assert sample("verifiable", measured, 0).clustered is True
