import math

import pytest

from synthetic_instruction_tuner.analysis import multiplicity, statistics

# --- textbook values ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [  # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson(successes, n, low, high):
    found = statistics.wilson_interval(successes, n)
    assert found == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_wilson_of_no_share_is_an_error(successes, n):
    with pytest.raises(ValueError, match="is no share"):
        statistics.wilson_interval(successes, n)


def test_mcnemar():
    # Fagerland, Lydersen, Laake 2013, table 2: 1 against 7; 2 * 9/256, less the 8/256 of the table
    assert statistics.mcnemar_exact(1, 7) == pytest.approx(0.0703, abs=5e-5)
    assert statistics.mcnemar_midp(1, 7) == pytest.approx(0.0391, abs=5e-5)
    assert statistics.mcnemar_midp(7, 1) == statistics.mcnemar_midp(1, 7)


def test_mcnemar_without_a_difference_is_one():
    assert statistics.mcnemar_midp(0, 0) == 1.0
    assert statistics.mcnemar_exact(0, 0) == 1.0
    assert statistics.mcnemar_midp(5, 5) == 1.0


def test_a_tiny_p_keeps_its_digits():
    # 0 against 60: half of the two tables at the ends
    assert statistics.mcnemar_midp(0, 60) == pytest.approx(0.5**60, rel=1e-9)


def test_mcnemar_of_many_tables_at_once():
    found = statistics.mcnemar_midp([1, 0], [7, 0])
    assert list(found) == pytest.approx([0.0390625, 1.0])


DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
"""Crossed minus self-fertilised maize, eighths of an inch (Fisher 1935, The Design of Experiments,
section 21): 863 of 32,768 sign patterns reach the sum, so two-sided 1,726."""


def test_sign_flip_on_darwins_maize():
    clusters = [str(at) for at in range(15)]
    assert statistics.sign_flip(DARWIN, clusters, seed=0) == 1726 / 32768


def test_sign_flip_flips_whole_clusters():
    # sums 3 and 1: patterns 4, 2, -2, -4; 2 of 4 reach 4
    assert statistics.sign_flip([1, 2, 1], ["a", "a", "b"], seed=0) == 0.5


def test_sign_flip_drawn_agrees_with_all_patterns(monkeypatch):
    monkeypatch.setattr(statistics, "EXACT_CLUSTERS", 0)
    monkeypatch.setattr(statistics, "BLOCK", 30_000)  # several blocks
    clusters = [str(at) for at in range(15)]
    p = statistics.sign_flip(DARWIN, clusters, seed=0, draws=20_000)
    assert p == pytest.approx(1726 / 32768, abs=0.005)
    assert statistics.sign_flip(DARWIN, clusters, seed=0, draws=20_000) == p


def test_sign_flip_without_any_difference_is_one():
    assert statistics.sign_flip([0.0, 0.0], ["a", "b"], seed=0) == 1.0
    assert statistics.sign_flip([], [], seed=0) == 1.0


@pytest.mark.parametrize("deltas", [[1.0], [1.0, math.nan]])
def test_sign_flip_refuses_what_does_not_fit(deltas):
    with pytest.raises(ValueError, match="finite difference and a cluster"):
        statistics.sign_flip(deltas, ["a", "b"], seed=0)


def test_holm():
    assert multiplicity.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert multiplicity.holm([]) == []


def test_benjamini_hochberg_on_its_own_example():
    # Benjamini and Hochberg 1995, section 3.2: at 0.05 four hypotheses fall, with Holm three
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    p += [0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]
    assert sum(one < 0.05 for one in multiplicity.benjamini_hochberg(p)) == 4
    assert sum(one < 0.05 for one in multiplicity.holm(p)) == 3
    assert multiplicity.benjamini_hochberg(p)[3] == pytest.approx(0.0095 * 15 / 4)


@pytest.mark.parametrize("p", [[0.1, math.nan], [1.1], [-0.1]])
def test_what_is_no_p_value_is_an_error(p):
    with pytest.raises(ValueError, match=r"p values lie in 0\.\.1"):
        multiplicity.holm(p)


def test_minimal_detectable_difference():
    # MMLU, 14,042 items of which 10 % differ: (1.960 + 0.842) * sqrt(0.1 / 14042) = 0.75 points
    error = math.sqrt(0.1 / 14042)
    assert statistics.minimal_detectable_difference(error) == pytest.approx(0.0075, abs=5e-5)
    # with eight clusters t(7): 2.365 + 0.896
    found = statistics.minimal_detectable_difference(1.0, clusters=8)
    assert found == pytest.approx(3.261, abs=5e-4)


def test_standard_error_by_hand():
    # means 2 and 4 of equal clusters about 3: residual sums -2 and 2; sqrt(2/1 * 8) / 4 = 1
    values, clusters = [1, 3, 3, 5], ["a", "a", "b", "b"]
    assert statistics.standard_error(values, clusters) == pytest.approx(1.0)
    # clusters of one: s / sqrt(n) with s^2 = 8/3
    alone = statistics.standard_error(values, ["a", "b", "c", "d"])
    assert alone == pytest.approx(math.sqrt(8 / 3 / 4))
    assert math.isnan(statistics.standard_error(values, ["a"] * 4))


def test_cluster_interval_by_hand():
    # mean 3, standard error 1, t(1) = 12.706
    low, high = statistics.cluster_interval([1, 3, 3, 5], ["a", "a", "b", "b"])
    assert (low, high) == pytest.approx((3 - 12.706, 3 + 12.706), abs=5e-4)
    assert statistics.cluster_interval([1, 2], ["a", "a"]) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("delta", "p", "p_equivalent", "expected"),
    [
        (0.10, 0.001, 0.9, "better"),
        (-0.10, 0.001, 0.9, "worse"),
        (0.001, 0.90, 0.01, "equivalent"),
        (0.001, 0.90, 0.06, "inconclusive"),  # p > 0.05 alone never means "no loss"
        (0.010, 0.03, 0.01, "better"),  # small but there
    ],
)
def test_verdicts(delta, p, p_equivalent, expected):
    assert statistics.verdict(delta, p, p_equivalent, alpha=0.05) == expected


def test_what_was_not_measured_has_no_verdict():
    with pytest.raises(ValueError, match="not measured"):
        statistics.verdict(math.nan, 0.5, 0.5, 0.05)


def test_two_claims_a_comparison_are_corrected_for_the_one_that_can_be_false():
    # Shaffer 1986: of 4 hypotheses at most 2 are true; factors 2, 2, 2, 1 in order of p.
    different, equivalent = multiplicity.holm_exclusive([0.01, 0.9], [0.8, 0.02])
    assert different == pytest.approx([0.02, 1.0])
    assert equivalent == pytest.approx([1.0, 0.04])
    assert multiplicity.holm_exclusive([0.03], [0.7]) == ([0.03], [0.7])
    assert multiplicity.holm_exclusive([], []) == ([], [])
    with pytest.raises(ValueError, match="two a comparison"):
        multiplicity.holm_exclusive([0.1], [])


def test_the_one_sided_score_test_fits_its_interval():
    low, high = statistics.tango_interval(12, 5, 200, alpha=0.1)
    assert statistics.tango_p(12, 5, 200, low) == pytest.approx(0.05, abs=1e-6)
    assert statistics.tango_p(5, 12, 200, -high) == pytest.approx(0.05, abs=1e-6)
    # at no difference it is the score test of McNemar: (12 - 5) / sqrt(17) = 1.698
    assert statistics.tango_p(12, 5, 200, 0.0) == pytest.approx(0.04478, abs=5e-6)


def test_score_interval_of_a_published_table():
    """Fagerland, Lydersen, Laake 2014: airway hyper-responsiveness, 1 and 7 of 21 differ."""
    low, high = statistics.tango_interval(1, 7, 21)
    assert (low, high) == (pytest.approx(-0.517, abs=5e-4), pytest.approx(-0.026, abs=5e-4))
    assert statistics.tango_interval(7, 1, 21) == (pytest.approx(-high), pytest.approx(-low))


@pytest.mark.parametrize(
    ("better", "worse", "low", "high"),
    [
        (0, 0, -3.8415 / 103.8415, 3.8415 / 103.8415),  # z^2 / (n + z^2)
        (100, 0, (100 - 3.8415) / 103.8415, 1.0),
        (0, 100, -1.0, -(100 - 3.8415) / 103.8415),
    ],
)
def test_score_interval_at_its_edges(better, worse, low, high):
    """There the score equation has these closed solutions, z = 1.96, n = 100."""
    found = statistics.tango_interval(better, worse, 100)
    assert found == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
