"""The decision over all rows: what stays, what goes and why. Pure: rows in, rows out.

The funnel, in order; a row counts for the first step that rejects it:

    exact_duplicate -> near_duplicate -> the rules -> quality -> contamination -> same_meaning
    -> surplus

Duplicates are found among all rows, even those that a rule rejects, so that a teacher which
repeats itself is seen for what it is. A row that passes everything else is never dropped for one
that does not: it ranks before it. Rows that ask the same in other words are looked for only where
an encoder is configured, and only among rows that pass the rest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from typing import Any

from synthetic_instruction_tuner.config import DuplicatesConfig, FilteringConfig, QualityConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.filtering import duplicates, splits
from synthetic_instruction_tuner.filtering.contamination import Item, ItemIndex, Leak
from synthetic_instruction_tuner.filtering.duplicates import Duplicate
from synthetic_instruction_tuner.filtering.embeddings import Embed, close_pairs
from synthetic_instruction_tuner.filtering.judging import verdicts
from synthetic_instruction_tuner.filtering.meaning import like_items
from synthetic_instruction_tuner.filtering.pair_memory import PairMemory
from synthetic_instruction_tuner.filtering.quality import quality
from synthetic_instruction_tuner.filtering.quotas import choose
from synthetic_instruction_tuner.filtering.signals import Measured, violation
from synthetic_instruction_tuner.records import Example, Rejection, Sample
from synthetic_instruction_tuner.rules import Verdict, Violation, all_rules

STAGE = "filtering"
EXACT, LEAKED, NEAR, SURPLUS = "exact_duplicate", "contamination", "near_duplicate", "surplus"
QUALITY = "quality"
SAME_MEANING = "same_meaning"
SMALLEST = 5
"""Fewer kept rows than this cannot be split into anything to train and validate on."""


@dataclass(frozen=True)
class Decision:
    """What becomes of the rows.

    Attributes:
        kept: The rows that stay, by index.
        rejected: The others, by index, each with its reason.
        passed: Rows that passed everything, surplus included.
        failing: Rows that each rule rejects when copies are not set apart first.
        leaks: Rows with an item of the benchmark, by benchmark; a row may count for several.
    """

    kept: tuple[Example, ...]
    rejected: tuple[Rejection, ...]
    passed: int
    failing: Mapping[str, int]
    leaks: Mapping[str, int]


def funnel_steps() -> tuple[str, ...]:
    """Return the steps of the funnel in order."""
    return (EXACT, NEAR, *all_rules(), QUALITY, LEAKED, SAME_MEANING, SURPLUS)


def decide(
    samples: Sequence[Sample],
    config: FilteringConfig,
    items: Sequence[Item],
    seed: int,
    advance: Callable[[int], None] = lambda done: None,
    memory: PairMemory | None = None,
    embed: Embed | None = None,
    quotas: Mapping[str, int] | None = None,
    fill: bool = True,
    measured: Measured | None = None,
    embed_items: Embed | None = None,
) -> Decision:
    """Filter rows and split what stays.

    Args:
        samples: The raw rows; their order plays no part, their `index` does: of the rows that
            pass, the first `config.target` by index stay.
        config: Rules and thresholds.
        items: Benchmark items that no row may contain.
        seed: Seed of the split.
        advance: Called with the number of rows judged so far.
        memory: Similar pairs that were found before; they save time and change nothing.
        embed: Embeds texts, to find rows that ask the same in other words.
        quotas: Rows required of each domain; None: of any.
        fill: Whether other domains fill the places that a domain leaves open.
        measured: What models measured on the rows, by id.
        embed_items: Embeds texts, to find benchmark items in other words.

    Returns:
        Every row exactly once, kept or rejected.
    """
    rows = sorted(samples, key=lambda sample: (sample.index, sample.id))
    _require_distinct(rows)
    signals = measured or {}
    rejections, leaks = _judge_rows(rows, config, items, signals, advance)
    if embed_items is not None:
        _reject_like_items(rows, config, items, rejections, leaks, embed_items)
    failing = dict(Counter(one.rule for one in rejections.values()))
    scores = [quality(row) for row in rows]
    ranking = sorted(range(len(rows)), key=lambda at: (at in rejections, -scores[at], rows[at].id))
    clusters = _reject_duplicates(rows, ranking, config.duplicates, rejections, memory)
    if embed is not None:
        _reject_same_meaning(rows, ranking, config.duplicates, rejections, embed)
    survivors = [at for at in range(len(rows)) if at not in rejections]
    places = choose([rows[at].domain for at in survivors], config.target, quotas, fill)
    chosen = [survivors[place] for place in places]
    for at in sorted(set(survivors) - set(chosen)):
        rejections[at] = _surplus(rows, at, survivors, config.target, quotas)
    kept = tuple(
        replace(one, signals=dict(signals.get(one.id, {})))
        for one in _examples(rows, scores, chosen, clusters, config, seed)
    )
    if len(kept) + len(rejections) != len(rows):
        raise StageError(f"{len(rows)} rows in, {len(kept)} kept, {len(rejections)} rejected")
    rejected = tuple(rejections[at] for at in sorted(rejections))
    return Decision(kept, rejected, len(survivors), failing, leaks)


def _require_distinct(rows: Sequence[Sample]) -> None:
    repeated = [name for name, count in Counter(row.id for row in rows).items() if count > 1]
    if repeated:
        raise StageError(f"{len(repeated)} row ids occur more than once, first {repeated[0]!r}")


def _judge_rows(
    rows: Sequence[Sample],
    config: FilteringConfig,
    items: Sequence[Item],
    signals: Measured,
    advance: Callable[[int], None],
) -> tuple[dict[int, Rejection], dict[str, int]]:
    """Apply what looks at one row at a time: the rules and the benchmark items."""
    index = ItemIndex(items, config.contamination)
    counts = Counter({item.benchmark: 0 for item in items})
    rejections = {}
    with closing(verdicts(rows, config.rules)) as judged:
        for at, (row, found) in enumerate(zip(rows, judged, strict=True)):
            verdict = found or _too_low(row, config.quality, signals)
            leaks = [] if verdict else index.leaks(row)
            counts.update({leak.item.benchmark for leak in leaks})
            if leaks:
                verdict = Verdict(LEAKED, _leaked(leaks[0], config))
            if verdict:
                rejections[at] = _rejection(row, verdict.rule, verdict.violation)
            advance(at + 1)
    return rejections, dict(sorted(counts.items()))


def _too_low(row: Sample, quality: QualityConfig, signals: Measured) -> Verdict | None:
    found = violation(signals.get(row.id, {}), quality)
    return Verdict(QUALITY, found) if found else None


def _leaked(leak: Leak, config: FilteringConfig) -> Violation:
    item = leak.item
    value = f"{leak.coverage:.2f} of {item.benchmark} item {item.id}"
    return Violation(value, config.contamination.coverage)


def _reject_like_items(
    rows: Sequence[Sample],
    config: FilteringConfig,
    items: Sequence[Item],
    rejections: dict[int, Rejection],
    leaks: dict[str, int],
    embed: Embed,
) -> None:
    """Reject rows that ask what a benchmark item asks, and count them with the leaks."""
    asked = [
        (at, turn) for at, row in enumerate(rows) if at not in rejections for turn in row.user_turns
    ]
    least = config.contamination.embedding_similarity
    found = like_items([turn for _, turn in asked], items, embed, least)
    for place in sorted(found, key=lambda place: -found[place].similarity):
        at, (item, similarity) = asked[place][0], found[place]
        if at in rejections:
            continue
        value = f"{similarity:.2f} like {item.benchmark} item {item.id}, in other words"
        rejections[at] = _rejection(rows[at], LEAKED, Violation(value, least))
        leaks[item.benchmark] += 1


def _reject_duplicates(
    rows: Sequence[Sample],
    ranking: Sequence[int],
    settings: DuplicatesConfig,
    rejections: dict[int, Rejection],
    memory: PairMemory | None,
) -> Sequence[int]:
    """Reject copies and near-duplicates; return the number of every row's cluster."""
    texts = [_asked(row) for row in rows]
    copies = duplicates.exact_duplicates(texts, ranking)
    near = duplicates.near_duplicates(
        texts, ranking, settings.similarity, settings.link_similarity, memory
    )
    for at, found in near.duplicates.items():
        rejections[at] = _duplicate(rows, at, NEAR, found, settings.similarity)
    for at, found in copies.items():
        rejections[at] = _duplicate(rows, at, EXACT, found, 1.0)
    return near.clusters


def _reject_same_meaning(
    rows: Sequence[Sample],
    ranking: Sequence[int],
    settings: DuplicatesConfig,
    rejections: dict[int, Rejection],
    embed: Embed,
) -> None:
    """Reject rows whose embedding is close to that of a better row."""
    left = [at for at in ranking if at not in rejections]
    least = settings.embedding_similarity
    pairs = close_pairs(embed([_asked(rows[at]) for at in left]), least)
    found = duplicates.surviving(range(len(left)), range(len(left)), pairs, least)
    for place, one in found.items():
        named = Duplicate(left[one.survivor], one.similarity)
        rejections[left[place]] = _duplicate(rows, left[place], SAME_MEANING, named, least)


def _examples(
    rows: Sequence[Sample],
    scores: Sequence[float],
    kept: Sequence[int],
    clusters: Sequence[int],
    config: FilteringConfig,
    seed: int,
) -> tuple[Example, ...]:
    """Split the kept rows; a cluster is named after the first of its rows."""
    if len(kept) < SMALLEST:
        return tuple(_example(rows[at], scores[at], rows[at].id, splits.TRAIN) for at in kept)
    names: dict[int, str] = {}
    for at in kept:
        names.setdefault(clusters[at], rows[at].id)
    members = [splits.Member(rows[at].id, rows[at].domain, names[clusters[at]]) for at in kept]
    split = splits.assign(members, config.validation_share, seed)
    return tuple(
        _example(rows[at], scores[at], member.cluster, split[member.id])
        for at, member in zip(kept, members, strict=True)
    )


def _example(row: Sample, score: float, cluster: str, split: str) -> Example:
    return Example(
        id=row.id,
        instruction=row.instruction,
        response=row.response,
        domain=row.domain,
        quality=score,
        cluster=cluster,
        split=split,
        system_prompt=row.system_prompt,
        messages=row.messages,
    )


def _rejection(row: Sample, rule: str, violation: Violation, **more: Any) -> Rejection:
    return Rejection(row.id, STAGE, rule, *violation, row=asdict(row), **more)


def _surplus(
    rows: Sequence[Sample],
    at: int,
    survivors: Sequence[int],
    target: int,
    quotas: Mapping[str, int] | None,
) -> Rejection:
    """Say how many rows passed (of its domain, where there are quotas), and how many are wanted."""
    if quotas is None:
        return _rejection(rows[at], SURPLUS, Violation(len(survivors), target))
    own = sum(rows[one].domain == rows[at].domain for one in survivors)
    return _rejection(rows[at], SURPLUS, Violation(own, quotas.get(rows[at].domain, 0)))


def _duplicate(
    rows: Sequence[Sample], at: int, rule: str, found: Duplicate, threshold: float
) -> Rejection:
    similarity = round(found.similarity, 6)
    violation = Violation(similarity, threshold)
    survivor = rows[found.survivor].id
    return _rejection(rows[at], rule, violation, survivor=survivor, similarity=similarity)


def _asked(row: Sample) -> str:
    """Return what duplicates are compared on: the instruction, in a conversation all user turns."""
    if not row.messages:
        return row.instruction
    return "\n".join(turn["content"] for turn in row.messages if turn["role"] == "user")
