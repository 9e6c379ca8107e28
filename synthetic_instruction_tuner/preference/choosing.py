"""Which answers stand against the best one: the lowest, one of a rank, one at a distance.

With many answers an instruction the lowest is often broken, and teaches less than one nearer the
middle (arXiv 2502.16825, which takes the answer at two standard deviations below the mean).
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from synthetic_instruction_tuner.config import PairChoiceConfig
from synthetic_instruction_tuner.records import Response


def opponents(ranked: Sequence[Response], choice: PairChoiceConfig) -> list[Response]:
    """Return what the best answer may stand against, the preferred one first.

    Args:
        ranked: Scored answers, best first.
        choice: How the rejected answer is chosen.
    """
    best, others = ranked[0], list(ranked[1:])
    if choice.max_length_ratio is not None:
        others = [one for one in others if length_ratio(best, one) <= choice.max_length_ratio]
    places = {id(one): place for place, one in enumerate(ranked, start=1)}
    if choice.rejected == "rank":
        return sorted(
            others, key=lambda one: (abs(places[id(one)] - choice.rejected_rank), places[id(one)])
        )
    if choice.rejected == "deviation":
        rewards = [one.reward or 0.0 for one in ranked]
        wanted = statistics.fmean(rewards) - choice.deviations * statistics.pstdev(rewards)
        return sorted(others, key=lambda one: abs((one.reward or 0.0) - wanted))
    return others[::-1]


def length_ratio(one: Response, other: Response) -> float:
    """Return the words of the longer text divided by those of the shorter, 1 or more."""
    sizes = sorted(max(len(text.text.split()), 1) for text in (one, other))
    return sizes[1] / sizes[0]
