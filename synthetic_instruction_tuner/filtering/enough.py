"""Whether enough rows passed, and what to do if not."""

from __future__ import annotations

import logging

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.filtering import splits, statistics
from synthetic_instruction_tuner.filtering.decision import SMALLEST, Decision
from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import all_rules
from synthetic_instruction_tuner.study.graph import Study

logger = logging.getLogger(__name__)

SPLIT_TOLERANCE = 0.1
"""Share by which the validation rows may miss their number without a word."""


def require_rows(study: Study, decision: Decision, samples: list[Sample]) -> None:
    """Refuse to go on with too few rows; warn of fewer than were wanted.

    Raises:
        StageError: Says what rejected most of them and what to do.
    """
    kept, target, drawn = len(decision.kept), study.config.filtering.target, len(samples)
    empty = sum(not (one.instruction and one.response) for one in samples)
    if kept < SMALLEST and 2 * empty > drawn:
        raise StageError(
            f"only {kept} of {drawn} rows pass the filters: {empty} are empty, so the teacher "
            "writes next to nothing; look at its template with `tuner doctor`, and at "
            "generation.instruction and generation.response"
        )
    if kept < SMALLEST:
        raise StageError(
            f"only {kept} of {drawn} rows pass the filters and {SMALLEST} are the least; "
            + _why_so_few(study, decision)
        )
    if kept < target:
        logger.warning(
            "%d of the %d rows required (filtering.target) passed; there are no more draws to come "
            "from, so the study goes on with these",
            kept,
            target,
        )


def _why_so_few(study: Study, decision: Decision) -> str:
    """Say what rejected most rows and what to do; where nothing did, there were too few."""
    imported = study.config.generation.source is not None
    more = "bring more rows (generation.source)" if imported else "raise generation.max_draws"
    counts = {one["step"]: one["rejected"] for one in statistics.funnel(decision)}
    worst = max(counts, key=lambda step: counts[step])
    if not counts[worst]:
        return f"none was rejected: {more}"
    rule = worst in all_rules()
    setting = f"loosen filtering.rules.{worst}" if rule else "look at the other filtering settings"
    return (
        f"most ({counts[worst]}) fall to {worst!r}: look at `tuner filter --what-if`, {setting}, "
        f"or {more}"
    )


def require_validation(study: Study, decision: Decision) -> None:
    """Refuse rows of which none can be held out, and say where clusters bend the shares."""
    kept = len(decision.kept)
    held_out = sum(one.split == splits.VALIDATION for one in decision.kept)
    wanted = splits.held_out_count(kept, study.config.filtering.validation_share)
    if not held_out:
        raise StageError(
            f"the {kept} kept rows form one cluster of near relatives, so that none can be held "
            "out: raise filtering.duplicates.link_similarity, or bring rows that differ more"
        )
    if abs(held_out - wanted) > SPLIT_TOLERANCE * wanted:
        logger.warning(
            "%d rows are held out for validation instead of %d, because clusters of near relatives "
            "are not torn apart (filtering.duplicates.link_similarity)",
            held_out,
            wanted,
        )
