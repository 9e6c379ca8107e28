"""What the data stages left behind: funnel, statistics, examples by rule, preference figures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from synthetic_instruction_tuner.analysis import diversity
from synthetic_instruction_tuner.analysis.statistics import cluster_interval
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.filtering.splits import TRAIN
from synthetic_instruction_tuner.filtering.tags import CATEGORY
from synthetic_instruction_tuner.generation import cost
from synthetic_instruction_tuner.generation.store import chunk_manifests
from synthetic_instruction_tuner.records import Example, Rejection, read_lines
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.storage.files import digest
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.text import count_words

KEPT, REJECTED, RAW = "examples.jsonl", "rejected.jsonl", "raw.json"
EXAMPLES_A_RULE = 5
"""Rejected rows shown for each rule."""
EXAMPLES_KEPT = 5
"""Kept rows shown."""


def describe_dataset(study: Study) -> dict[str, Any]:
    """Describe the filtered data from its own rows; without them, say not measured.

    Raises:
        StageError: If the rows do not add up: drawn = kept + rejected.
    """
    manifest = study.store.find(study.filtered)
    if manifest is None:
        return {"status": "not measured"}
    kept = list(read_lines(manifest.path(KEPT), Example))
    rejected = list(read_lines(manifest.path(REJECTED), Rejection))
    drawn = len(kept) + len(rejected)
    measures = manifest.facts.get("measures", {})
    stated = measures.get("drawn")
    if stated not in (None, drawn):
        raise StageError(
            f"{study.filtered.folder}: {stated} rows drawn, but {len(kept)} kept "
            f"and {len(rejected)} rejected"
        )
    return {
        "status": "measured",
        "drawn": drawn,
        "kept": len(kept),
        "rejected": len(rejected),
        "target": study.config.filtering.target,
        "measures": measures,
        "intervals": _intervals(kept, study.config.evaluation.alpha),
        "signals": manifest.facts.get("signals", {}),
        "diversity": _diversity(study, kept, rejected) | _by_meaning(manifest),
        "rules": _by_rule(rejected),
        "splits": dict(sorted(Counter(one.split for one in kept).items())),
        "domains": dict(sorted(Counter(one.domain for one in kept).items())),
        **_categories(kept),
        "clusters": len({one.cluster for one in kept}),
        "examples": [_shown(one) for one in _pick(kept, EXAMPLES_KEPT)],
        "generation": _generation(study),
    }


def _categories(kept: Sequence[Example]) -> dict[str, dict[str, int]]:
    """Count the kept rows by the category that a model gave them, where one did."""
    found = Counter(str(one.signals[CATEGORY]) for one in kept if CATEGORY in one.signals)
    return {"categories": dict(sorted(found.items()))} if found else {}


def _diversity(
    study: Study, kept: Sequence[Example], rejected: Sequence[Rejection]
) -> dict[str, object]:
    """Measure how varied the rows are; without the raw rows in their order, there is no curve."""
    raw = [(one.id, str(one.row.get("instruction", ""))) for one in rejected] + _asked(kept)
    written = study.store.find(study.raw(study.filtered))
    drawn = json.loads(written.path(RAW).read_text(encoding="utf-8")) if written else []
    order = [str(row["instruction"]) for row in drawn]
    trained = [one for one in kept if one.split == TRAIN]
    return diversity.describe(study, raw, _asked(kept), _asked(trained), order)


def _by_meaning(manifest: Manifest) -> dict[str, object]:
    found = manifest.facts.get("vendi_by_meaning")
    return {"by_meaning": found} if found else {}


def _asked(rows: Sequence[Example]) -> list[tuple[str, str]]:
    return [(one.id, one.instruction) for one in rows]


def _intervals(kept: Sequence[Example], alpha: float) -> dict[str, tuple[float, float]]:
    """Bound the means that criteria look at: Student's t over clusters of near-duplicates.

    Conversations, whose turns are counted one by one, have none.
    """
    clusters = [one.cluster for one in kept]
    if len(set(clusters)) < 2 or any(one.messages for one in kept):
        return {}
    values = {
        "instruction_words": [float(count_words(one.instruction)) for one in kept],
        "response_words": [float(count_words(one.response)) for one in kept],
        "quality": [one.quality for one in kept],
    }
    return {name: cluster_interval(own, clusters, alpha) for name, own in values.items()}


def _by_rule(rejected: Sequence[Rejection]) -> list[dict[str, Any]]:
    """Count rejections by stage and rule, most frequent first, with a few of the rows."""
    rules: dict[tuple[str, str], list[Rejection]] = {}
    for one in rejected:
        rules.setdefault((one.stage, one.rule), []).append(one)
    ordered = sorted(rules.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    return [
        {
            "stage": stage,
            "rule": rule,
            "count": len(rows),
            "examples": [_rejected(one) for one in _pick(rows, EXAMPLES_A_RULE)],
        }
        for (stage, rule), rows in ordered
    ]


def _pick(rows: Sequence[Any], count: int) -> list[Any]:
    """Choose rows by the hash of their id: no eye has chosen them, a rerun shows the same."""
    return sorted(rows, key=lambda one: digest(one.id))[:count]


def _rejected(one: Rejection) -> dict[str, Any]:
    return {
        "id": one.id,
        "instruction": str(one.row.get("instruction", "")),
        "value": one.value,
        "threshold": one.threshold,
        "survivor": one.survivor,
        "similarity": one.similarity,
    }


def _shown(one: Example) -> dict[str, Any]:
    return {
        "id": one.id,
        "domain": one.domain,
        "instruction": one.instruction,
        "response": one.response,
        "quality": one.quality,
    }


def _generation(study: Study) -> dict[str, Any]:
    """Sum what drawing the samples took over the chunks that are there."""
    if study.config.generation.source is not None:
        return {"status": "imported"}
    chunks = chunk_manifests(study)
    if not chunks:
        return {"status": "not measured"}
    return {"status": "measured", "chunks": len(chunks)} | cost.describe(study)


def describe_preference(study: Study) -> dict[str, Any]:
    """Return the figures of the preference pairs as the stage measured them."""
    if not study.uses_preference:
        return {"status": "not part of this study"}
    manifest = study.store.find(study.pairs)
    if manifest is None:
        return {"status": "not measured"}
    return {"status": "measured", "target": study.config.preference.pairs, **manifest.facts}
