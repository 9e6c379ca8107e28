"""Figures of a filtering run: funnel, domains, lengths, shares."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from synthetic_instruction_tuner.filtering.decision import QUALITY, Decision, funnel_steps
from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.text import count_words

INVALID = ("empty", "truncation", "role_leak")
"""Rules that say a draw failed, not that its content is unwanted."""
UNUSABLE = "unusable"
"""Step of the funnel for imported rows that could not be read."""


def funnel(decision: Decision, unusable: int = 0) -> list[dict[str, Any]]:
    """Return one entry a step: rows that reach it, rows it rejects, rows left.

    Args:
        decision: What became of the rows.
        unusable: Imported rows that were no rows at all; they come first.
    """
    counts = Counter(one.rule for one in decision.rejected) + Counter({UNUSABLE: unusable})
    left = len(decision.kept) + counts.total()
    entries = []
    unmeasured = set() if counts[QUALITY] else {QUALITY}  # most studies have no such step
    for step in (one for one in (UNUSABLE, *funnel_steps()) if one not in unmeasured):
        rejected = counts[step]
        entries.append({"step": step, "in": left, "rejected": rejected, "left": left - rejected})
        left -= rejected
    return entries[not unusable :]


def told(facts: Mapping[str, Any]) -> str:
    """Tell the facts of filtered rows in a line: read, kept, rejected by which rule."""
    measures = facts["measures"]
    counts = {one["step"]: one["rejected"] for one in facts["funnel"] if one["rejected"]}
    worst = sorted(counts, key=lambda step: -counts[step])
    reasons = ", ".join(f"{step} {counts[step]:,}" for step in worst)
    return (
        f"{measures['drawn']:,} rows read, {measures['kept']:,} kept ({measures['train']:,} train, "
        f"{measures['validation']:,} validation), {sum(counts.values()):,} rejected"
        + (f": {reasons}" if reasons else "")
    )


def by_domain(samples: Iterable[Sample], decision: Decision) -> dict[str, dict[str, Any]]:
    """Return rows drawn, kept, held out and rejected by rule for every domain."""
    drawn = Counter(sample.domain for sample in samples)
    rules: dict[str, Counter[str]] = defaultdict(Counter)
    for one in decision.rejected:
        rules[one.row["domain"]][one.rule] += 1
    kept = Counter(one.domain for one in decision.kept)
    held_out = Counter(one.domain for one in decision.kept if one.split == "validation")
    return {
        domain: {
            "drawn": drawn[domain],
            "kept": kept[domain],
            "validation": held_out[domain],
            "rejected": dict(sorted(rules[domain].items())),
        }
        for domain in sorted(drawn)
    }


def measures(
    samples: Sequence[Sample], decision: Decision, unusable: int = 0
) -> dict[str, float | int | None]:
    """Return the figures that acceptance criteria look at; None where there are no rows.

    Args:
        samples: The rows that were filtered.
        decision: What became of them.
        unusable: Imported rows that were no rows at all; drawn, and not valid.
    """
    drawn = len(samples) + unusable
    invalid = unusable + sum(decision.failing.get(rule, 0) for rule in INVALID)
    kept = {one.id for one in decision.kept}
    rows = [sample for sample in samples if sample.id in kept]
    return {
        "drawn": drawn,
        "kept": len(kept),
        "kept_share": len(kept) / drawn if drawn else None,
        "valid_share": 1 - invalid / drawn if drawn else None,
        "mean_quality": _mean(one.quality for one in decision.kept),
        "mean_instruction_words": _mean(count_words(turn) for s in rows for turn in s.user_turns),
        "mean_response_words": _mean(count_words(turn) for s in rows for turn in s.assistant_turns),
        "clusters": len({one.cluster for one in decision.kept}),
        "train": sum(one.split == "train" for one in decision.kept),
        "validation": sum(one.split == "validation" for one in decision.kept),
    }


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return round(fmean(found), 4) if found else None
