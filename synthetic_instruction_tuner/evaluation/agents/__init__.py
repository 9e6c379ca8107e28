"""Agent evaluation with executable checks: five categories, seeded items, no judge, no network.

`generate_items(seed)` draws the suite, `run_episodes(items, reply_batch)` runs a model on it,
`score_episode`, `taxonomy` and `score` say how it did, `texts` serves decontamination.
"""

from synthetic_instruction_tuner.evaluation.agents.episode import run_episode, run_episodes
from synthetic_instruction_tuner.evaluation.agents.item import Episode, Item
from synthetic_instruction_tuner.evaluation.agents.scoring import METRICS, score, score_episode
from synthetic_instruction_tuner.evaluation.agents.suite import generate_items, texts
from synthetic_instruction_tuner.evaluation.agents.taxonomy import LABELS, taxonomy

__all__ = [
    "LABELS",
    "METRICS",
    "Episode",
    "Item",
    "generate_items",
    "run_episode",
    "run_episodes",
    "score",
    "score_episode",
    "taxonomy",
    "texts",
]
