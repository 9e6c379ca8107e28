"""Paired differences of two models on one benchmark, tested, bounded and judged."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthetic_instruction_tuner.analysis import multiplicity, statistics
from synthetic_instruction_tuner.analysis.cells import (
    NOT_MEASURED,
    Sampled,
    Terms,
    is_binary,
)
from synthetic_instruction_tuner.analysis.evidence import (
    Counts,
    Evidence,
    Student,
    Unchanged,
    p_equivalent,
)
from synthetic_instruction_tuner.analysis.resampling import seed_of
from synthetic_instruction_tuner.analysis.subjects import Pair

PRIMARY, EXPLORATORY = "primary", "exploratory"
VERDICTS = ("better", "worse", "equivalent", "identical", "inconclusive")
CORRECTIONS = {PRIMARY: "Holm", EXPLORATORY: "Benjamini-Hochberg"}


@dataclass(frozen=True)
class Difference:
    """What is known of the difference of two models on one benchmark: challenger - reference.

    Attributes:
        n: Items.
        clusters: Independent units among them.
        seeds: Training seeds; 1: the claim is about these trained models.
        delta: The difference, with its interval (`low`, `high`).
        items_better: Items on which the challenger scores higher (mean of its seeds).
        items_worse: Items on which it scores lower.
        test: What gave p.
        p: Chance of such a difference between equal models.
        p_equivalent: Chance of one this small if the true one were beyond the margin.
        p_no_loss: Chance of one this high if the challenger were behind by the accepted loss.
        family: "primary" if it was declared before measuring, else "exploratory".
        size: Comparisons in its family.
        p_corrected: p corrected for the family, claims of equivalence included.
        p_equivalent_corrected: p_equivalent likewise.
        correction: By which method.
        mde: Smallest true difference that the corrected test finds four times in five; None where
            there are too few clusters to find any.
        verdict: One of `VERDICTS`.
    """

    challenger: str
    reference: str
    n: int
    clusters: int
    seeds: int
    delta: float
    low: float
    high: float
    items_better: int
    items_worse: int
    test: str
    p: float
    p_equivalent: float
    p_no_loss: float
    family: str = EXPLORATORY
    size: int = 1
    p_corrected: float = math.nan
    p_equivalent_corrected: float = math.nan
    correction: str = ""
    mde: float | None = None
    verdict: str = ""
    status: str = "measured"


Cells = dict[str, dict[str, Difference | None]]
"""By pair, then by benchmark; None where one of the two was not measured."""


def compare_all(
    sampled: Mapping[str, Sampled],
    pairs: Sequence[Pair],
    declared: Sequence[Pair],
    primary: Sequence[str],
    terms: Terms,
) -> Cells:
    """Compare every pair on every benchmark, correct for multiplicity, then judge.

    Args:
        sampled: Aligned and resampled items by benchmark.
        pairs: Pairs to compare.
        declared: The primary pairs, fixed in the settings.
        primary: The primary benchmarks, fixed in the settings.
        terms: Error rate, margins and seed.
    """
    raw = {
        (pair.key, key): compare_pair(key, one, pair, terms)
        for pair in pairs
        for key, one in sampled.items()
    }
    chosen = {(pair.key, key) for pair in declared for key in primary}
    for family in (PRIMARY, EXPLORATORY):
        members = {
            place: cell
            for place, cell in raw.items()
            if cell is not None and (place in chosen) == (family == PRIMARY)
        }
        raw |= _corrected(members, family, sampled, terms)
    return {pair.key: {key: raw[pair.key, key] for key in sampled} for pair in pairs}


def _corrected(
    cells: Mapping[tuple[str, str], Difference],
    family: str,
    sampled: Mapping[str, Sampled],
    terms: Terms,
) -> dict[tuple[str, str], Difference]:
    """Correct the p values of one family together, and judge."""
    different = [cell.p for cell in cells.values()]
    equivalent = [cell.p_equivalent for cell in cells.values()]
    if family == PRIMARY:
        corrected = multiplicity.holm_exclusive(different, equivalent)
    else:
        both = multiplicity.benjamini_hochberg([*different, *equivalent])
        corrected = both[: len(cells)], both[len(cells) :]
    judged = {}
    for (place, cell), p, p_same in zip(cells.items(), *corrected, strict=True):
        one = sampled[place[1]]
        judged[place] = dataclasses.replace(
            cell,
            family=family,
            size=len(cells),
            p_corrected=p,
            p_equivalent_corrected=p_same,
            correction=CORRECTIONS[family],
            mde=_detectable(cell, one, terms.alpha / len(cells)),
            verdict=_judge(cell, p, p_same, terms.alpha, one.higher_is_better),
        )
    return judged


def dump(
    cells: Cells, pairs: Sequence[Pair], declared: Sequence[Pair], primary: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Write the cells as JSON values; what was not measured says so, and of which two models."""
    found: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        found[pair.key] = {}
        for key, cell in cells[pair.key].items():
            family = PRIMARY if pair in declared and key in primary else EXPLORATORY
            missing = {**NOT_MEASURED, **pair._asdict(), "family": family}
            found[pair.key][key] = missing if cell is None else dataclasses.asdict(cell)
    return found


def tally(cells: Cells) -> dict[str, dict[str, int]]:
    """Count the verdicts of every pair over the benchmarks."""
    table = {}
    for key, row in cells.items():
        found = [cell.verdict for cell in row.values() if cell is not None]
        table[key] = {one: found.count(one) for one in VERDICTS} | {"measured": len(found)}
    return table


def compare_pair(benchmark: str, sampled: Sampled, pair: Pair, terms: Terms) -> Difference | None:
    """Compare two models item by item; None without both results."""
    import numpy as np

    rows = sampled.differences(*pair) if sampled.seeds(*pair) else []
    if not rows:
        return None
    deltas = [float(one) for one in np.mean(rows, axis=0)]
    evidence = evidence_of(sampled, pair, rows)
    p, test = _test(benchmark, sampled, pair, rows, evidence, terms)
    low, high = evidence.interval(terms.alpha)
    upward = sampled.higher_is_better
    return Difference(
        challenger=pair.challenger,
        reference=pair.reference,
        n=len(deltas),
        clusters=len(set(sampled.clusters)),
        seeds=len(rows),
        delta=evidence.value,
        low=low,
        high=high,
        items_better=sum(one > 0 for one in deltas),
        items_worse=sum(one < 0 for one in deltas),
        test=test,
        p=p,
        p_equivalent=p_equivalent(evidence, terms.margin),
        p_no_loss=evidence.p_above(-terms.loss) if upward else evidence.p_below(terms.loss),
    )


def evidence_of(sampled: Sampled, pair: Pair, rows: Sequence[Sequence[float]]) -> Evidence:
    """Choose what fits the items: counts, nothing to see, or Student's t."""
    scores = sampled.rows(pair.challenger) + sampled.rows(pair.reference)
    if len(rows) == 1 and not sampled.clustered and all(map(is_binary, scores)):
        better, worse = sum(one > 0 for one in rows[0]), sum(one < 0 for one in rows[0])
        return Counts(better, worse, len(rows[0]))
    if not any(any(row) for row in rows):
        return Unchanged(len(set(sampled.clusters)))
    return sampled.parts(rows).student()


def _test(
    benchmark: str,
    sampled: Sampled,
    pair: Pair,
    rows: Sequence[Sequence[float]],
    evidence: Evidence,
    terms: Terms,
) -> tuple[float, str]:
    if isinstance(evidence, Counts):
        return statistics.mcnemar_midp(evidence.better, evidence.worse), "McNemar mid-p"
    if isinstance(evidence, Student) and len(rows) > 1:
        return evidence.p, "t over items and seeds"
    seed = seed_of("sign-flip", benchmark, pair.key, terms.seed)
    return statistics.sign_flip(rows[0], sampled.clusters, seed), "sign-flip permutation"


def smallest_p(sampled: Sampled) -> float:
    """Return the smallest p that clusters allow: 2 of their 2**n sign patterns are as extreme."""
    return 2 / 2 ** min(len(set(sampled.clusters)), 1000) if sampled.clustered else 0.0


def _detectable(cell: Difference, sampled: Sampled, alpha: float) -> float | None:
    """Return the smallest difference that the test at this level finds; None: it finds none."""
    if cell.clusters < 2 or (cell.seeds == 1 and smallest_p(sampled) >= alpha):
        return None
    pair = Pair(cell.challenger, cell.reference)
    rows = sampled.differences(*pair)
    if not any(any(row) for row in rows):
        return evidence_of(sampled, pair, rows).interval(alpha)[1]
    student = sampled.parts(rows).student()
    if sampled.clustered or cell.seeds > 1:
        return student.detectable(alpha)
    return statistics.minimal_detectable_difference(student.error, alpha)


def _judge(cell: Difference, p: float, p_same: float, alpha: float, higher_is_better: bool) -> str:
    if not (cell.items_better or cell.items_worse) and cell.delta == 0:
        return "identical"
    delta = cell.delta if higher_is_better else -cell.delta
    return statistics.verdict(delta, p, p_same, alpha)
