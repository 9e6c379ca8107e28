"""The filtering stage: draws in, a data set with reasons for everything it leaves out."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from typing import Any, NamedTuple

from synthetic_instruction_tuner.config import FilteringConfig
from synthetic_instruction_tuner.filtering import (
    dataset,
    signal_statistics,
    signals,
    statistics,
    variety,
)
from synthetic_instruction_tuner.filtering.contamination import Item
from synthetic_instruction_tuner.filtering.decision import Decision, decide
from synthetic_instruction_tuner.filtering.embeddings import embedder
from synthetic_instruction_tuner.filtering.enough import require_rows, require_validation
from synthetic_instruction_tuner.filtering.pair_memory import PairMemory
from synthetic_instruction_tuner.filtering.quotas import (
    next_draws,
    next_draws_by_domain,
    quotas_of,
)
from synthetic_instruction_tuner.generation.store import (
    REJECTED,
    control_tokens_of,
    read_samples,
)
from synthetic_instruction_tuner.models.rewards import held
from synthetic_instruction_tuner.progress import Progress
from synthetic_instruction_tuner.records import Rejection, Sample, read_lines
from synthetic_instruction_tuner.rules import role_leak
from synthetic_instruction_tuner.storage.artifacts import Artifact, Manifest
from synthetic_instruction_tuner.study.graph import Study

logger = logging.getLogger(__name__)

TEXTS = "texts.jsonl"
CACHE = ".cache"
"""Folder of what only saves time; it may be deleted at any moment."""
RESERVE = 1.1
"""Draws beyond what the yield so far calls for, so that one more round is seldom needed."""


class Outcome(NamedTuple):
    """What a filtering round came to.

    Attributes:
        kept: Rows that passed everything, at most the target.
        draws_needed: Draws in all to come back with, None when the stage is done.
        manifest: The data set, None while draws are missing.
    """

    kept: int
    draws_needed: int | None
    manifest: Manifest | None


def filter_rows(study: Study, drawn: int, progress: Progress) -> Outcome:
    """Filter the first `drawn` samples of a study.

    The data set is made as soon as `filtering.target` rows pass, or when no more can be drawn
    (`generation.max_draws`, or imported rows). Which draws are looked at follows from the data
    alone, never from how sessions or chunks fell.

    Where the study decontaminates and the benchmark items are not there, the rows are filtered
    without them: the data set is `study.provisional`, says in its facts, measures and card that
    nothing was compared with the benchmarks, and no later stage takes it.

    Args:
        study: The study.
        drawn: Samples that are there; imported rows count whatever they are.
        progress: Hears of every row.

    Raises:
        StageError: If too few rows for two splits pass and no more can be drawn, or if all that
            pass are near relatives.
    """
    artifact = data_set(study)
    done = study.store.find(artifact)
    if done is not None:
        _warn_if_provisional(study, artifact)
        return Outcome(done.facts["measures"]["kept"], None, done)
    started = time.monotonic()
    held.release()
    samples = read_samples(study, drawn)
    last = is_last(study, len(samples))
    progress.update(0, len(samples), "looking for duplicates")
    decision = decide_for(study, samples, progress, fill=last)
    if len(decision.kept) < study.config.filtering.target and not last:
        return Outcome(len(decision.kept), draws_needed(study, samples, decision), None)
    require_rows(study, decision, samples)
    require_validation(study, decision)
    progress.update(len(samples), len(samples), "writing")
    manifest = _write(study, artifact, samples, read_unusable(study), decision, started)
    _warn_if_provisional(study, artifact)
    return Outcome(len(decision.kept), None, manifest)


def lost_raw_rows(study: Study) -> int | None:
    """Return how many raw rows have to be written out again; None if they are there.

    They are written with the filtered rows, so this happens when their files were damaged.
    """
    filtered = study.store.find(study.filtered)
    if filtered is None or study.store.find(study.raw(study.filtered)) is not None:
        return None
    return int(filtered.facts["measures"]["drawn"])


def write_raw_rows(study: Study, drawn: int) -> Manifest:
    """Write the raw rows behind the filtered ones out again, unless they are there.

    Raises:
        StageError: If samples are missing.
    """
    artifact = study.raw(study.filtered)
    if study.store.find(artifact) is None:
        dataset.write_raw(study, artifact, read_samples(study, drawn))
    return study.store.require(artifact)


def data_set(study: Study) -> Artifact:
    """Return what filtering can make now: filtered rows, or, without items, provisional ones."""
    if study.config.filtering.decontaminate and study.store.find(study.items) is None:
        return study.provisional
    return study.filtered


def is_decontaminated(study: Study, artifact: Artifact) -> bool:
    """Tell whether every row of the data set was compared with the items of the benchmarks."""
    return study.config.filtering.decontaminate and artifact.identity == study.filtered.identity


def _warn_if_provisional(study: Study, artifact: Artifact) -> None:
    if artifact.identity != study.filtered.identity:
        logger.warning(
            "%s is NOT decontaminated: the benchmark items were out of reach. Nothing is made from "
            "it; run again with the items (online, or evaluation.data_dir) and it is filtered anew",
            artifact.folder,
        )


def decide_for(
    study: Study, samples: list[Sample], progress: Progress, fill: bool = True
) -> Decision:
    """Decide over a study's samples with its settings and benchmark items."""
    config, total = study.config, len(samples)
    encoder = config.filtering.duplicates.embedding
    reader = config.filtering.contamination.embedding
    return decide(
        samples,
        settings_of(study),
        read_items(study),
        config.seed,
        advance=lambda done: progress.update(done, total),
        memory=PairMemory(study.root / CACHE),
        embed=embedder(encoder) if encoder else None,
        quotas=quotas_of(config),
        fill=fill,
        measured=signals.read(study),
        embed_items=embedder(reader) if reader else None,
    )


def settings_of(study: Study) -> FilteringConfig:
    """Return the settings of filtering, with the teacher's own control tokens."""
    settings = study.config.filtering
    rules = role_leak.with_tokens(settings.rules, control_tokens_of(study))
    return settings.model_copy(update={"rules": rules})


def is_last(study: Study, drawn: int) -> bool:
    """Tell whether no further draws can come."""
    generation = study.config.generation
    return generation.source is not None or drawn >= generation.max_draws


def draws_needed(study: Study, samples: list[Sample], decision: Decision) -> int:
    """Return how many draws in all the yield so far calls for; a domain may lack more than all."""
    most, quotas = study.config.generation.max_draws, quotas_of(study.config)
    if quotas is None:
        target = study.config.filtering.target
        return next_draws(len(decision.kept), len(samples), target, most, RESERVE)
    kept = Counter(one.domain for one in decision.kept)
    drawn = Counter(one.domain for one in samples)
    return min(next_draws_by_domain(kept, drawn, quotas, RESERVE), most)


def read_items(study: Study) -> list[Item]:
    """Read what no row may contain: the texts of the benchmark items, if they are there."""
    if data_set(study).identity == study.provisional.identity:
        return []
    path = study.store.require(study.items).path(TEXTS)
    with path.open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [Item(row["benchmark"], str(row["id"]), row["text"]) for row in rows]


def read_unusable(study: Study) -> list[Rejection]:
    """Read what the import could not use, so that it lies with the rejected rows."""
    if study.config.generation.source is None:
        return []
    return list(read_lines(study.store.require(study.draws).path(REJECTED), Rejection))


def _write(
    study: Study,
    artifact: Artifact,
    samples: list[Sample],
    unusable: list[Rejection],
    decision: Decision,
    started: float,
) -> Manifest:
    dataset.write_raw(study, study.raw(artifact), samples)
    facts = _facts(study, samples, decision, len(unusable))
    facts["decontaminated"] = is_decontaminated(study, artifact)
    facts["measures"]["decontaminated_share"] = float(facts["decontaminated"])
    with study.store.writing(artifact) as folder:
        dataset.write_filtered(folder, study, unusable, decision, facts)
        return study.store.commit(artifact, facts, time.monotonic() - started)


def _facts(study: Study, samples: list[Sample], decision: Decision, away: int) -> dict[str, Any]:
    target = study.config.filtering.target
    return {
        "measures": statistics.measures(samples, decision, away),
        "target": target,
        "shortfall": max(target - len(decision.kept), 0),
        "funnel": statistics.funnel(decision, away),
        "domains": statistics.by_domain(samples, decision),
        "contamination": dict(decision.leaks),
        **signal_statistics.describe(study, samples, decision),
        **variety.describe(study, samples, decision),
    }
