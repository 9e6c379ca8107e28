"""Scores of episodes and of the whole suite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.evaluation.agents.checks import fulfilled
from synthetic_instruction_tuner.evaluation.agents.item import Episode, Item
from synthetic_instruction_tuner.evaluation.agents.taxonomy import taxonomy

METRICS = ("success_strict", "success", "progress")


def score_episode(item: Item, episode: Episode) -> dict[str, float]:
    """Score one episode.

    Returns:
        success: 1.0 if every check holds, with replies read leniently.
        success_strict: 1.0 if besides every reply had exactly the instructed form and the episode
            came to its end.
        progress: Mean share of each check that is fulfilled, 0 to 1; 1 exactly on success.
    """
    if item != episode.item:
        raise StageError(f"the episode is on {episode.item.id!r}, not on this {item.id!r}")
    parts = [fulfilled(check, episode) for check in item.checks]
    success = all(part == 1 for part in parts)
    formal = episode.status == "completed" and all(reply.strict for reply in episode.replies)
    return {
        "success_strict": float(success and formal),
        "success": float(success),
        "progress": sum(parts) / len(parts),
    }


def score(episodes: Sequence[Episode]) -> dict[str, Any]:
    """Summarise a suite.

    Returns:
        `overall`; `category`, `family` and `level` with one entry a value; each entry has `items`
        and the mean of every metric. `errors` counts, by category and label, episodes that showed
        an error; `status` counts how they ended.
    """
    rows = [(one, score_episode(one.item, one)) for one in episodes]
    errors: dict[str, Counter[str]] = {one.item.category: Counter() for one in episodes}
    for one in episodes:
        errors[one.item.category].update(taxonomy(one).keys())
    return {
        "overall": _means(scores for _, scores in rows),
        "category": _grouped(rows, lambda item: item.category),
        "family": _grouped(rows, lambda item: item.family),
        "level": _grouped(rows, lambda item: str(item.level)),
        "errors": {name: dict(sorted(errors[name].items())) for name in sorted(errors)},
        "status": dict(sorted(Counter(one.status for one in episodes).items())),
    }


def _grouped(
    rows: list[tuple[Episode, dict[str, float]]], key: Callable[[Item], str]
) -> dict[str, dict[str, float]]:
    groups: dict[str, list[dict[str, float]]] = {}
    for episode, scores in rows:
        groups.setdefault(key(episode.item), []).append(scores)
    return {name: _means(groups[name]) for name in sorted(groups)}


def _means(scores: Iterable[dict[str, float]]) -> dict[str, float]:
    every = list(scores)
    if not every:
        raise StageError("there are no episodes to score")
    means = {name: sum(one[name] for one in every) / len(every) for name in METRICS}
    return {"items": float(len(every)), **means}
