"""One figure a model over all benchmarks: scaled between guessing and perfect, then averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synthetic_instruction_tuner.analysis.cells import Sampled
from synthetic_instruction_tuner.analysis.resampling import percentile_interval


def normalise(score: Any, chance: float | None) -> Any:
    """Scale so that guessing is 0 and perfect is 1 (Open LLM Leaderboard v2 normalisation).

    Scores below chance stay negative: cutting them off would hide that a model is worse than
    guessing.
    """
    floor = chance or 0.0
    return (score - floor) / (1 - floor)


def macro_means(
    sampled: Mapping[str, Sampled],
    chances: Mapping[str, float | None],
    subjects: Sequence[str],
    alpha: float,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Average the normalised scores over the benchmarks that every model was measured on.

    Benchmarks whose items are not scored between 0 and 1 stay out.

    The bootstrap is joint: in a draw all models face the same items, so the share of draws in
    which a model comes first accounts for what they have in common.

    Returns:
        The table ("benchmarks": what was averaged; "models": score, low, high, first_share by
        model, None where a model lacks a benchmark) and the bootstrap draws by model.
    """
    import numpy as np

    present = [name for name in subjects if any(name in one.values for one in sampled.values())]
    shared = [
        key
        for key, one in sampled.items()
        if one.is_share and present and all(name in one.values for name in present)
    ]
    if not shared:
        return {"benchmarks": [], "models": dict.fromkeys(subjects)}, {}
    draws, scores = {}, {}
    for name in present:
        draws[name] = sum(normalise(sampled[k].draws[name], chances[k]) for k in shared) / len(
            shared
        )
        means = [normalise(float(np.mean(sampled[k].values[name])), chances[k]) for k in shared]
        scores[name] = float(np.mean(means))
    stacked = np.stack([draws[name] for name in present])
    first = stacked == stacked.max(axis=0)  # who shares the first place has a share of the draw
    shares = (first / first.sum(axis=0)).mean(axis=1)
    models: dict[str, Any] = dict.fromkeys(subjects)
    for position, name in enumerate(present):
        low, high = percentile_interval(draws[name], alpha)
        share = float(shares[position])
        models[name] = {"score": scores[name], "low": low, "high": high, "first_share": share}
    return {"benchmarks": shared, "models": models}, draws
