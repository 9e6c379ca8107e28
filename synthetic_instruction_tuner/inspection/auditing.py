"""How well a reward model tells better from worse answers: on labelled rows, or the closed world.

Rows are those of RewardBench 2 (arXiv 2506.01937: `prompt`, `chosen` and `rejected`, each one
answer or several, `subset`). A row counts as right if every chosen answer is above every rejected
one; equal rewards are not above.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from synthetic_instruction_tuner.analysis.statistics import wilson_interval
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.generation.sources import read_rows
from synthetic_instruction_tuner.models.rewards.batches import token_batches
from synthetic_instruction_tuner.models.rewards.model import RewardModel
from synthetic_instruction_tuner.preference.figures import correlation
from synthetic_instruction_tuner.progress import Progress
from synthetic_instruction_tuner.sandbox.families import all_families
from synthetic_instruction_tuner.sandbox.prompts import draw_solvable

ALL = "all"
CATEGORIES = ("subset", "category", "domain")
"""Fields that may hold the category, the first that is there."""


@dataclass(frozen=True)
class Labelled:
    """A prompt with answers of which it is known which are better."""

    category: str
    prompt: str
    chosen: tuple[str, ...]
    rejected: tuple[str, ...]


@dataclass(frozen=True)
class Audited:
    """What a reward model makes of the rows of a category.

    Attributes:
        right: Share of the rows whose every chosen answer is above every rejected one.
        low: Lower end of its 95 % interval (Wilson).
        high: Upper end.
        chance: What equal guessing would score.
        pairs_right: Share of the pairs of a chosen and a rejected answer that are ranked correctly.
        longer: Share of those pairs whose chosen answer is longer, ties left out: what a preference
            for length alone would score.
        length_correlation: Correlation of reward and words over all answers.
    """

    category: str
    rows: int
    right: float
    low: float
    high: float
    chance: float
    pairs_right: float
    longer: float | None
    length_correlation: float | None


def read_labelled(source: str | Path) -> list[Labelled]:
    """Read labelled rows from a file or folder.

    Raises:
        ConfigurationError: If a row lacks a prompt, a chosen or a rejected answer; names it.
    """
    return [_labelled(row, number) for number, row in enumerate(read_rows(source), start=1)]


def _labelled(row: object, number: int) -> Labelled:
    values = row if isinstance(row, Mapping) else {}
    chosen, rejected = (_answers(values.get(name)) for name in ("chosen", "rejected"))
    prompt = _text(values.get("prompt"))
    for name, found in (("prompt", prompt), ("chosen", chosen), ("rejected", rejected)):
        if not found:
            raise ConfigurationError(
                f"row {number} has no {name}: labelled rows have a prompt, and one or several "
                "chosen and rejected answers, as texts or messages (RewardBench 2)"
            )
    category = next((str(values[name]) for name in CATEGORIES if values.get(name)), "rows")
    return Labelled(category, prompt, chosen, rejected)


def _answers(value: object) -> tuple[str, ...]:
    """Return answers: a text, a conversation whose last turn counts, or a list of either."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        if value and all(isinstance(one, Mapping) and "content" in one for one in value):
            return (_text(value),)
        return tuple(text for one in value if (text := _text(one)))
    return (text,) if (text := _text(value)) else ()


def _text(value: object) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str) and value:
        value = value[-1]
    if isinstance(value, Mapping):
        value = value.get("content")
    return value if isinstance(value, str) else ""


def closed_world(count: int, seed: int) -> list[Labelled]:
    """Draw tasks of the closed world with the right and three plausible wrong answers."""
    rng, families = Random(f"audit-{seed}"), list(all_families())
    rows = []
    for number in range(count):
        family = families[number % len(families)]
        slots = draw_solvable(family, rng)
        right = family.answer(slots)
        assert right is not None
        wrong = {family.speak(slots, family.wrong_key(slots, rng)) for _ in range(3)} - {right}
        asked = family.instruction(slots, rng)
        rows.append(Labelled(family.domain, asked, (right,), tuple(sorted(wrong))))
    return [row for row in rows if row.rejected]


def audit(
    rows: Sequence[Labelled], reward: RewardModel, budget: int, progress: Progress
) -> list[Audited]:
    """Score all answers and hold them against the labels.

    Args:
        rows: The labelled rows.
        reward: The reward model.
        budget: Tokens of a batch, padding included.
        progress: Told the scored answers.

    Returns:
        All rows first, then category by category.

    Raises:
        ConfigurationError: If there are no rows.
    """
    if not rows:
        raise ConfigurationError("there are no labelled rows to audit with")
    answers = [(row.prompt, text) for row in rows for text in (*row.chosen, *row.rejected)]
    encoded = [reward.encode(*one)[0] for one in answers]
    rewards = [0.0] * len(answers)
    done = 0
    for batch in token_batches([len(one["input_ids"]) for one in encoded], budget):
        for place, value in zip(batch, reward.score([encoded[at] for at in batch]), strict=True):
            rewards[place] = value
        done += len(batch)
        progress.update(done, len(answers), "answers")
    scored = list(_by_row(rows, rewards))
    groups: dict[str, list[tuple[Labelled, list[float]]]] = defaultdict(list)
    for one in scored:
        groups[one[0].category].append(one)
    return [_audited(ALL, scored), *(_audited(name, groups[name]) for name in sorted(groups))]


def _by_row(
    rows: Iterable[Labelled], rewards: Sequence[float]
) -> Iterator[tuple[Labelled, list[float]]]:
    start = 0
    for row in rows:
        end = start + len(row.chosen) + len(row.rejected)
        yield row, list(rewards[start:end])
        start = end


def _audited(category: str, scored: Sequence[tuple[Labelled, list[float]]]) -> Audited:
    right = pairs = won = 0
    longer: list[bool] = []
    words: list[float] = []
    for row, rewards in scored:
        good, bad = rewards[: len(row.chosen)], rewards[len(row.chosen) :]
        right += min(good) > max(bad)
        pairs += len(good) * len(bad)
        won += sum(one > other for one in good for other in bad)
        sizes = [len(text.split()) for text in (*row.chosen, *row.rejected)]
        words += map(float, sizes)
        longer += [
            one > other
            for one in sizes[: len(good)]
            for other in sizes[len(good) :]
            if one != other
        ]
    low, high = wilson_interval(right, len(scored))
    every = [one for _, rewards in scored for one in rewards]
    return Audited(
        category=category,
        rows=len(scored),
        right=right / len(scored),
        low=low,
        high=high,
        chance=statistics.fmean(_chance(row) for row, _ in scored),
        pairs_right=won / pairs,
        longer=statistics.fmean(longer) if longer else None,
        length_correlation=correlation(words, every),
    )


def _chance(row: Labelled) -> float:
    """Return how likely a random order puts all chosen answers first."""
    good, chance = len(row.chosen), 1.0
    for place in range(good):
        chance *= (good - place) / (good + len(row.rejected) - place)
    return chance
