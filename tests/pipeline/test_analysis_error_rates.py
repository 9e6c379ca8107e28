"""The statistics keep the error rates and the power they claim, found by simulation.

Their values on published examples are in `tests/unit/analysis/test_statistics.py`.
"""

import math

import numpy as np
import pytest
from scipy.stats import binom

from synthetic_instruction_tuner.analysis import statistics
from synthetic_instruction_tuner.analysis.resampling import joint_bootstrap, percentile_interval

SIMULATIONS = 20_000


def tables(difference, items=817, discordant=0.15, seed=0):
    """Simulate how often only the first and only the second model is right (TruthfulQA's size)."""
    generator = np.random.default_rng(seed)
    better = (discordant + difference) / 2
    found = generator.multinomial(
        items, [better, discordant - better, 1 - discordant], size=SIMULATIONS
    )
    return found[:, 0], found[:, 1]


def test_mcnemar_claims_a_difference_that_is_not_there_as_often_as_it_says():
    rate = (statistics.mcnemar_midp(*tables(0.0)) < 0.05).mean()
    assert 0.03 <= rate <= 0.06
    few = (statistics.mcnemar_midp(*tables(0.0, items=60)) < 0.05).mean()
    assert 0.03 <= few <= 0.06
    assert (statistics.mcnemar_exact(*tables(0.0, items=60)) < 0.05).mean() < few


@pytest.mark.parametrize("power", [0.5, 0.8, 0.95])
def test_power_is_what_the_minimal_detectable_difference_says(power):
    error = math.sqrt(0.15 / 817)
    difference = statistics.minimal_detectable_difference(error, power=power)
    found = (statistics.mcnemar_midp(*tables(difference)) < 0.05).mean()
    assert found == pytest.approx(power, abs=0.02)


def clustered(clusters, size, shared, generator, difference=0.0):
    """Differences of one benchmark; `shared` is the part of the variance that clusters share."""
    common = generator.normal(0, math.sqrt(shared), size=(clusters, 1))
    own = generator.normal(0, math.sqrt(1 - shared), size=(clusters, size))
    names = np.repeat([f"subject {at}" for at in range(clusters)], size)
    return (common + own).ravel() + difference, names


def test_sign_flip_keeps_its_level_on_clusters_where_single_items_do_not():
    generator = np.random.default_rng(0)
    rejected = {"clusters": 0, "items": 0}
    for seed in range(400):
        deltas, names = clustered(24, 10, 0.2, generator)
        items = [str(at) for at in range(len(deltas))]
        rejected["clusters"] += statistics.sign_flip(deltas, names, seed, draws=399) < 0.05
        rejected["items"] += statistics.sign_flip(deltas, items, seed, draws=399) < 0.05
    assert 0.03 <= rejected["clusters"] / 400 <= 0.06
    assert rejected["items"] / 400 > 0.15


@pytest.mark.parametrize("clusters", [5, 8])
def test_cluster_interval_covers_what_it_says_also_with_few_clusters(clusters):
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(800):
        low, high = statistics.cluster_interval(*clustered(clusters, 8, 0.2, generator), alpha=0.1)
        covered += low <= 0 <= high
    assert covered / 800 == pytest.approx(0.90, abs=0.02)


def test_equivalence_is_claimed_wrongly_as_seldom_as_it_says():
    """The true difference lies at the margin: TOST at 0.05 may call it equivalent 1 time in 20."""
    generator = np.random.default_rng(2)
    claimed = 0
    for _ in range(800):
        deltas, names = clustered(8, 40, 0.05, generator, difference=0.6)
        low, high = statistics.cluster_interval(deltas, names, alpha=0.1)
        claimed += statistics.verdict(0.6, 1.0, low, high, 0.05, margin=0.6) == "equivalent"
    assert 0.03 <= claimed / 800 <= 0.06


@pytest.mark.parametrize(("items", "margin"), [(600, 0.02), (600, 0.05), (200, 0.05)])
def test_equivalence_of_rare_one_sided_differences_is_claimed_as_seldom_as_it_says(items, margin):
    """Only the first model is ever right alone, with the chance of the margin: exact, no draws."""
    claimed = 0.0
    for better in range(items + 1):
        low, high = statistics.tango_interval(better, 0, items, alpha=0.1)
        if statistics.verdict(better / items, 1.0, low, high, 0.05, margin) == "equivalent":
            claimed += float(binom.pmf(better, items, margin))
    assert 0.02 <= claimed <= 0.06


def claims(test, difference, simulations, items=100):
    """Share of simulated studies in which a test finds a difference; deltas of variance 1."""
    generator = np.random.default_rng(3)
    deltas = generator.normal(difference, 1.0, size=(simulations, items))
    return sum(test(row, seed) for seed, row in enumerate(deltas)) / simulations


def bootstrap_finds(deltas, seed):
    draws = joint_bootstrap({"delta": deltas}, range(len(deltas)), seed, draws=400)["delta"]
    low, high = percentile_interval(draws, 0.05)
    return not low <= 0 <= high


def sign_flip_finds(deltas, seed):
    items = [str(at) for at in range(len(deltas))]
    return statistics.sign_flip(deltas, items, seed, draws=399) < 0.05


@pytest.mark.parametrize("test", [bootstrap_finds, sign_flip_finds])
def test_paired_tests_keep_their_level_and_have_the_power_of_theory(test):
    assert 0.03 <= claims(test, 0.0, 2000) <= 0.06
    difference = statistics.minimal_detectable_difference(1 / math.sqrt(100), power=0.8)
    assert claims(test, difference, 2000) == pytest.approx(0.8, abs=0.02)
