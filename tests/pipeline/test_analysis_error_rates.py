"""The statistics keep the error rates and the power they claim, found by simulation.

Their values on published examples are in `tests/unit/analysis/test_statistics.py`.
"""

import math

import numpy as np
import pytest
from scipy.stats import binom

from synthetic_instruction_tuner.analysis import multiplicity, statistics
from synthetic_instruction_tuner.analysis.aggregate import macro_means
from synthetic_instruction_tuner.analysis.cells import Sampled
from synthetic_instruction_tuner.analysis.evidence import Counts, p_equivalent, parts_of

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
        claimed += p_equivalent(parts_of([deltas], names).student(), 0.6) < 0.05
    assert 0.03 <= claimed / 800 <= 0.06


@pytest.mark.parametrize(("items", "margin"), [(600, 0.02), (600, 0.05), (200, 0.05)])
def test_equivalence_of_rare_one_sided_differences_is_claimed_as_seldom_as_it_says(items, margin):
    """Only the first model is ever right alone, with the chance of the margin: exact, no draws."""
    claimed = 0.0
    for better in range(items + 1):
        if p_equivalent(Counts(better, 0, items), margin) < 0.05:
            claimed += float(binom.pmf(better, items, margin))
    assert 0.02 <= claimed <= 0.06


def claims(test, difference, simulations, items=100):
    """Share of simulated studies in which a test finds a difference; deltas of variance 1."""
    generator = np.random.default_rng(3)
    deltas = generator.normal(difference, 1.0, size=(simulations, items))
    return sum(test(row, seed) for seed, row in enumerate(deltas)) / simulations


def student_finds(deltas, seed):
    return parts_of([deltas], range(len(deltas))).student().p < 0.05


def sign_flip_finds(deltas, seed):
    items = [str(at) for at in range(len(deltas))]
    return statistics.sign_flip(deltas, items, seed, draws=399) < 0.05


@pytest.mark.parametrize("test", [student_finds, sign_flip_finds])
def test_paired_tests_keep_their_level_and_have_the_power_of_theory(test):
    assert 0.03 <= claims(test, 0.0, 2000) <= 0.06
    difference = statistics.minimal_detectable_difference(1 / math.sqrt(100), power=0.8)
    assert claims(test, difference, 2000) == pytest.approx(0.8, abs=0.02)


# --- whole tables: any false claim, of a difference or of equivalence -----------------------------


def false_claims(difference, margin, comparisons=8, items=400, simulations=800, discordant=0.2):
    """Share of simulated tables with any claim that is false at this true difference."""
    generator, found = np.random.default_rng(5), 0
    better = (discordant + difference) / 2
    chances = [better, discordant - better, 1 - discordant]
    for _ in range(simulations):
        drawn = generator.multinomial(items, chances, size=comparisons)
        cells = [Counts(int(b), int(w), items) for b, w, _ in drawn]
        different = statistics.mcnemar_midp(drawn[:, 0], drawn[:, 1])
        equivalent = [p_equivalent(one, margin) for one in cells]
        corrected = zip(
            cells, *multiplicity.holm_exclusive(list(different), equivalent), strict=True
        )
        said = {statistics.verdict(one.value, p, same, 0.05) for one, p, same in corrected}
        wrong = {"better", "worse"} if difference == 0 else {"worse", "equivalent"}
        found += bool(said & wrong)
    return found / simulations


def test_no_false_difference_in_a_table_more_often_than_it_says():
    assert 0.03 <= false_claims(0.0, margin=0.02) <= 0.06


@pytest.mark.parametrize("margin", [0.08, 0.1])
def test_no_false_equivalence_in_a_table_more_often_than_it_says(margin):
    """The worst case: every true difference lies at the margin. Uncorrected, 34 % of tables err."""
    assert 0.02 <= false_claims(margin, margin) <= 0.06


# --- several training seeds ----------------------------------------------------------------------


def seeded(generator, scatter, seeds, items):
    """Differences by seed and item; the seeds' means scatter by so much about no difference."""
    shared, own = generator.normal(0, 0.25, (1, items)), generator.normal(0, 0.25, (seeds, items))
    return shared + own + generator.normal(0, scatter, (seeds, 1))


def claims_one(table):
    low, high = parts_of(table, range(table.shape[1])).student().interval(0.05)
    return not low <= 0 <= high


@pytest.mark.parametrize(("seeds", "scatter"), [(3, 0.01), (3, 0.05), (5, 0.02), (3, 0.0)])
def test_seeds_that_scatter_are_no_difference_of_methods(seeds, scatter):
    generator, found, naive = np.random.default_rng(6), 0, 0
    for _ in range(3000):
        table = seeded(generator, scatter, seeds, 300)
        found += claims_one(table)
        naive += claims_one(table[:1])
    assert 0.03 <= found / 3000 <= 0.06
    assert (naive / 3000 > 0.08) == (scatter > 0)  # what one seed would claim of the method


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("scatter", [0.0, 0.005, 0.01, 0.02, 0.05, 0.2])
def test_seeds_of_any_number_and_scatter_keep_the_level(seeds, scatter):
    """Two seeds are the hardest: their scatter has one degree of freedom."""
    generator = np.random.default_rng(7)
    found = sum(claims_one(seeded(generator, scatter, seeds, 300)) for _ in range(20_000))
    assert found / 20_000 <= (0.07 if seeds == 2 else 0.06)


# --- best overall ---------------------------------------------------------------------------------


def named_best(generator, seeds):
    """Whether any of four arms, all like the base, is said to be above it in the mean."""
    runs = {"base": {None: "base"}}
    runs |= {arm: {seed: f"{arm}{seed}" for seed in range(seeds)} for arm in "abcd"}
    data = {}
    for key in ("one", "two", "three"):
        clusters = [f"family {at % 8}" for at in range(80)]
        ease = generator.normal(0, 0.15, 8)[np.arange(80) % 8] + 0.5
        names = [name for by_seed in runs.values() for name in by_seed.values()]
        values = {name: (generator.random(80) < ease).astype(float).tolist() for name in names}
        data[key] = Sampled(clusters, values, dict.fromkeys(runs, np.zeros(2)), True, runs)
    found = macro_means(data, dict.fromkeys(data), {k: k for k in data}, list(runs), 0.05)
    return any(found.gaps[f"{arm}-vs-base"].low > 0 for arm in "abcd")


@pytest.mark.parametrize("seeds", [1, 3])
def test_no_arm_is_named_best_where_all_are_alike(seeds):
    """Stricter than 0.05: two-sided intervals, of which only the upper side names an arm."""
    generator = np.random.default_rng(8)
    assert sum(named_best(generator, seeds) for _ in range(200)) / 200 <= 0.04


def test_a_loss_that_is_there_is_ruled_out_as_seldom_as_it_says():
    """The true loss is the accepted one: exact for one-sided losses, no draws."""
    claimed = sum(
        float(binom.pmf(worse, 400, 0.05))
        for worse in range(401)
        if Counts(0, worse, 400).p_above(-0.05) < 0.05
    )
    assert 0.02 <= claimed <= 0.06
