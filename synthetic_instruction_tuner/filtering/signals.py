"""What models measure on every row: how likely, how difficult, how good by a reward model.

- `likelihood`: mean log-probability of the response after its instruction, nats a token, the end of
  the turn included. Where the teacher reads its own responses it tells how sure it was.
- `difficulty`: perplexity of the response with its instruction, divided by that without (the
  instruction-following difficulty of arXiv 2308.12032 in the form of arXiv 2402.00530). Near 1 the
  instruction does not help to foretell the response; near 0 it says nearly all. It ranks what there
  is to learn, not what is right.
- `reward`: the reward model's score of the response.
- `category`, `asked_difficulty`, `input_quality`: tags of the instruction, see `filtering.tags`.

Each model reads each chunk of draws once, in batches that survive a kill; thresholds are applied
afterwards, so that changing one measures nothing anew.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from synthetic_instruction_tuner.config import ModelConfig, QualityConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.filtering.tags import QUALITY, tag
from synthetic_instruction_tuner.generation.store import SAMPLES, committed_spans, read_samples
from synthetic_instruction_tuner.models.engines import close_engine
from synthetic_instruction_tuner.models.rewards import held
from synthetic_instruction_tuner.models.rewards.batches import token_batches
from synthetic_instruction_tuner.models.rewards.formats import Encoded, Prompt, alone
from synthetic_instruction_tuner.progress import Progress
from synthetic_instruction_tuner.records import Sample, read_lines
from synthetic_instruction_tuner.rules import Violation
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.storage.files import write_json
from synthetic_instruction_tuner.storage.journal import Journal
from synthetic_instruction_tuner.study.graph import Study

Signals: TypeAlias = Mapping[str, float | str]
Measured: TypeAlias = Mapping[str, Signals]
"""Signals by id of the row."""
READER, REWARD, TAGGER = "reader", "reward", "tagger"
LIKELIHOOD, DIFFICULTY = "likelihood", "difficulty"
NAMES = {READER: (LIKELIHOOD, DIFFICULTY), REWARD: (REWARD,)}
"""The signals of each kind of measurement."""
VALUES = "signals.json"
DECIMALS = 5
LARGEST_EXPONENT = 50.0
"""Bounds the ratio of perplexities: beyond e^50 it says no more than that."""


def spans(study: Study) -> list[tuple[int, int]]:
    """Return what is measured at a time: the chunks that are there, or all imported rows."""
    if study.config.generation.source is None:
        return committed_spans(study)
    manifest = study.store.require(study.draws)
    with manifest.path(SAMPLES).open("rb") as file:
        count = sum(1 for _ in file)
    return [(0, count - 1)] if count else []


def unmeasured(study: Study) -> list[tuple[str, int, int]]:
    """List what is to be measured: kind, first and last sample, one model after the other."""
    return [
        (kind, *span)
        for kind in study.config.filtering.quality.measured
        for span in spans(study)
        if study.store.find(study.signals(kind, *span)) is None
    ]


def measure(study: Study, kind: str, first: int, last: int, progress: Progress) -> Manifest:
    """Measure samples first..last with one model, unless that is done.

    Args:
        study: The study.
        kind: One of `filtering.quality.measured`.
        first: First sample of a chunk.
        last: Last sample, included.
        progress: Told the rows that are measured.

    Raises:
        StageError: If a measurement is no finite number.
    """
    artifact = study.signals(kind, first, last)
    done = study.store.find(artifact)
    if done is not None:
        return done
    rows = [row for row in _samples(study, first, last) if row.instruction and row.response]
    settings = study.config.filtering.quality
    folder = study.store.staging(artifact)
    journal = Journal(folder.with_name(f"{folder.name}.jsonl"))
    values: Measured
    if kind == TAGGER and settings.tagger is not None:
        batch = study.config.generation.batch_size
        values = tag(rows, settings.tagger, batch, journal, progress)
    else:
        values = _measure(rows, kind, settings, journal, progress)
    write_json(folder / VALUES, values)
    facts = {"rows": len(values), "unread": len(rows) - len(values)}
    manifest = study.store.commit(artifact, facts, journal.seconds)
    journal.close()
    return manifest


def _samples(study: Study, first: int, last: int) -> Sequence[Sample]:
    if study.config.generation.source is not None:
        return read_samples(study)
    manifest = study.store.require(study.chunk(first, last))
    return list(read_lines(manifest.path(SAMPLES), Sample))


def _measure(
    rows: Sequence[Sample], kind: str, settings: QualityConfig, journal: Journal, progress: Progress
) -> dict[str, dict[str, float]]:
    """Score all rows of all texts in batches of like length; a finished batch is never repeated."""
    model: ModelConfig = getattr(settings, kind)
    close_engine()  # one model in memory at a time
    scorer = held.open_scorer(model, "likelihood" if kind == READER else settings.reward_format)
    texts: list[Encoded] = []
    for row in rows:
        encoded, _ = scorer.encode(*_exchange(row))
        texts += [encoded, alone(encoded)] if kind == READER else [encoded]
    batches = token_batches([len(one["input_ids"]) for one in texts], settings.batch_tokens)
    scores = [math.nan] * len(texts)
    for number, batch in enumerate(batches):
        if journal.get(str(number)) is None:
            with journal.recording(str(number)) as result:
                result.append(scorer.score([texts[place] for place in batch]))
        for place, score in zip(batch, journal.get(str(number)), strict=True):
            scores[place] = score
        progress.update(number + 1, len(batches), "batches")
    width = len(NAMES[kind])
    return {
        row.id: _named(row, kind, scores[width * at : width * (at + 1)])
        for at, row in enumerate(rows)
    }


def _exchange(row: Sample) -> tuple[Prompt, str]:
    """Return what is answered, and the answer: in a conversation the last one."""
    if row.messages:
        return row.messages[:-1], row.assistant_turns[-1]
    return row.instruction, row.response


def _named(row: Sample, kind: str, scores: Sequence[float]) -> dict[str, float]:
    if not all(math.isfinite(score) for score in scores):
        raise StageError(
            f"filtering.quality.{kind} gave {list(scores)} to row {row.id}; finite numbers are "
            f"needed: try filtering.quality.{kind}.dtype='float32'"
        )
    found = list(scores)
    if kind == READER:
        found[1] = math.exp(min(scores[1] - scores[0], LARGEST_EXPONENT))
    values = (round(value, DECIMALS) for value in found)
    return dict(zip(NAMES[kind], values, strict=True))


def read(study: Study) -> Measured:
    """Read what was measured, by id of the row; {} where nothing is.

    Raises:
        StageError: If a chunk was not measured yet.
    """
    found: dict[str, dict[str, float | str]] = {}
    for kind in study.config.filtering.quality.measured:
        for span in spans(study):
            manifest = study.store.require(study.signals(kind, *span))
            text = manifest.path(VALUES).read_text(encoding="utf-8")
            for name, values in json.loads(text).items():
                found.setdefault(name, {}).update(values)
    return found


def violation(signals: Signals, settings: QualityConfig) -> Violation | None:
    """Say which threshold a row misses, if any; what was not measured misses none."""
    for name, least, most in (
        (LIKELIHOOD, settings.min_likelihood, None),
        (DIFFICULTY, settings.min_difficulty, settings.max_difficulty),
        (REWARD, settings.min_reward, None),
        (QUALITY, settings.min_input_quality, None),
    ):
        value = signals.get(name)
        if not isinstance(value, (int, float)):
            continue
        if least is not None and value < least:
            return Violation(f"{name} {value}", f"at least {least}")
        if most is not None and value > most:
            return Violation(f"{name} {value}", f"at most {most}")
    return None
