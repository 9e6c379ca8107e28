"""One bootstrap for all models: the same resampled items (or clusters) for everyone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from synthetic_instruction_tuner.storage.files import digest

DRAWS = 2000
"""Bootstrap draws; the Monte-Carlo error of a 95 % limit is then about 0.07 standard errors."""
BLOCK = 4_000_000
"""Indices drawn at a time, so that large benchmarks stay within some tens of megabytes."""


def seed_of(*identity: Any) -> int:
    """Derive a random seed from what is computed, so that nothing depends on the order of work."""
    return int(digest(list(identity))[:15], 16)


def joint_bootstrap(
    values: Mapping[str, Sequence[float]], clusters: Sequence[str], seed: int, draws: int = DRAWS
) -> dict[str, Any]:
    """Resample whole clusters with replacement, the same draw for every model.

    Because the draw is shared, the difference of two models' resampled means is a draw of the
    paired difference, and sums over models keep their correlation (Efron and Tibshirani 1993).

    Args:
        values: Item scores by model, all in the same item order.
        clusters: The cluster of every item; distinct names mean independent items.
        seed: Seed of the resampling.
        draws: How many resamples.

    Returns:
        Resampled means by model, each an array of shape (draws,).
    """
    import numpy as np

    _, member = np.unique(np.asarray(clusters), return_inverse=True)
    sizes = np.bincount(member).astype(float)
    sums = {
        name: np.bincount(member, weights=np.asarray(one, float)) for name, one in values.items()
    }
    generator = np.random.default_rng(seed)
    count, step = len(sizes), max(1, BLOCK // len(sizes))
    parts: dict[str, list[Any]] = {name: [] for name in values}
    for start in range(0, draws, step):
        index = generator.integers(count, size=(min(step, draws - start), count))
        total = sizes[index].sum(axis=1)
        for name, one in sums.items():
            parts[name].append(one[index].sum(axis=1) / total)
    return {name: np.concatenate(one) for name, one in parts.items()}


def over_seeds(
    draws: Mapping[str, Any], runs: Mapping[str, Mapping[int | None, str]], seed: int
) -> dict[str, Any]:
    """Average draws of a model's training seeds, the seeds themselves drawn with replacement.

    Every model of a study has the same seeds, so the same seeds are drawn for all.

    Args:
        draws: Resampled means by model and seed.
        runs: By model that tables show: its models by training seed.
        seed: Seed of the drawing.

    Returns:
        Resampled means by model that was measured with any seed.
    """
    import numpy as np

    found: dict[str, Any] = {}
    for model, by_seed in runs.items():
        own = [draws[name] for _, name in sorted(by_seed.items(), key=str) if name in draws]
        if len(own) > 1:
            table = np.stack(own)
            chosen = np.random.default_rng(seed).integers(len(own), size=table.shape)
            found[model] = np.take_along_axis(table, chosen, axis=0).mean(axis=0)
        elif own:
            found[model] = own[0]
    return found
