"""What the models' measurements look like, and how far they can be trusted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from synthetic_instruction_tuner.filtering import signals
from synthetic_instruction_tuner.filtering.decision import Decision
from synthetic_instruction_tuner.filtering.quality import quality
from synthetic_instruction_tuner.models.reference import SANDBOX
from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.text import count_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float64]

BINS = 20
TAIL = 0.01
"""Share of the rows at either end that fall into the first and the last bin."""
FORM = "form"
"""Name, beside the signals, of the quality score that every row has."""


def describe(study: Study, samples: Sequence[Sample], decision: Decision) -> dict[str, object]:
    """Describe every signal under "signals"; {} where no model measured anything."""
    measured = signals.read(study)
    if not measured:
        return {}
    rows = [row for row in samples if row.id in measured]
    kept = {one.id for one in decision.kept}
    columns: dict[str, dict[str, float]] = {FORM: {row.id: quality(row) for row in rows}}
    for row in rows:
        for name, value in sorted(measured[row.id].items()):
            if not isinstance(value, str):
                columns.setdefault(name, {})[row.id] = value
    found: dict[str, object] = {}
    for name, values in columns.items():
        own = [row for row in rows if row.id in values]
        verdicts = _verdicts(study, own)
        found[name] = _describe([values[row.id] for row in own], own, kept, verdicts)
    return {"signals": found}


def _describe(
    column: Sequence[float],
    rows: Sequence[Sample],
    kept: set[str],
    verdicts: Sequence[bool | None],
) -> dict[str, object]:
    import numpy as np

    values = np.array(column)
    stays = np.array([row.id in kept for row in rows])
    words = [float(sum(map(count_words, row.assistant_turns))) for row in rows]
    edges = _edges(values)
    return {
        "rows": len(rows),
        "median": round(float(np.median(values)), 5),
        "median_kept": round(float(np.median(values[stays])), 5) if stays.any() else None,
        "length_correlation": rank_correlation(values.tolist(), words),
        "edges": [round(float(one), 5) for one in edges],
        "all": _counts(values, edges),
        "kept": _counts(values[stays], edges),
        **_checked(values.tolist(), verdicts),
    }


def _edges(values: Floats) -> Floats:
    import numpy as np

    low, high = np.quantile(values, [TAIL, 1 - TAIL])
    return np.linspace(low, high if high > low else low + 1, BINS + 1)


def _counts(values: Floats, edges: Floats) -> list[int]:
    """Count by bin; what lies beyond the ends counts in the outermost bins."""
    import numpy as np

    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)
    return [int(count) for count in counts]


def _verdicts(study: Study, rows: Sequence[Sample]) -> list[bool | None]:
    """Judge the responses where the closed world can; None where nobody can tell."""
    if not study.config.generation.teacher.name.startswith(SANDBOX):
        return [None] * len(rows)
    from synthetic_instruction_tuner import sandbox

    return [sandbox.check(row.instruction, row.response) for row in rows]


def _checked(values: Sequence[float], verdicts: Sequence[bool | None]) -> dict[str, object]:
    """Hold a signal against the checker: the share of right-wrong pairs that it ranks correctly."""
    judged = [one for one in zip(values, verdicts, strict=True) if one[1] is not None]
    right = [value for value, said in judged if said]
    wrong = [value for value, said in judged if not said]
    if not right or not wrong:
        return {}
    area = separation(right, wrong)
    return {
        "checker_auc": round(area, 4),
        "checker_interval": [round(one, 4) for one in interval(area, len(right), len(wrong))],
        "checker_rows": len(judged),
        "checker_right_share": round(len(right) / len(judged), 4),
    }


def separation(right: Sequence[float], wrong: Sequence[float]) -> float:
    """Return the area under the ROC curve: how often a right row scores above a wrong one.

    Ties count half (Mann-Whitney).
    """
    from scipy.stats import rankdata

    ranks = rankdata([*right, *wrong])
    above = float(ranks[: len(right)].sum()) - len(right) * (len(right) + 1) / 2
    return above / (len(right) * len(wrong))


def interval(area: float, right: int, wrong: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of an area under the ROC curve (Hanley and McNeil, 1982)."""
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (right - 1) * (one - area**2) + (wrong - 1) * (two - area**2)
    spread = z * math.sqrt(max(variance, 0.0) / (right * wrong))
    return max(area - spread, 0.0), min(area + spread, 1.0)


def rank_correlation(left: Sequence[float], right: Sequence[float]) -> float | None:
    """Return Spearman's correlation; None for fewer than two points or a constant side."""
    from scipy.stats import spearmanr

    if len(set(left)) < 2 or len(set(right)) < 2:
        return None
    return round(float(spearmanr(left, right).statistic), 4)
