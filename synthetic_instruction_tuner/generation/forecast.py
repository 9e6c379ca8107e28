"""How far the draws of a study are, and when they will be there at the pace so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from synthetic_instruction_tuner.artifacts import Manifest
from synthetic_instruction_tuner.generation.store import chunk_manifests, missing_spans
from synthetic_instruction_tuner.study import Study


@dataclass(frozen=True)
class Pace:
    """How fast samples were drawn.

    Attributes:
        per_hour: Samples an hour of work.
        per_day: Samples a day of the calendar, pauses between sessions included; None while there
            is only one chunk, which spans no time.
    """

    per_hour: float
    per_day: float | None


def forecast(study: Study, now: datetime | None = None) -> str:
    """Say how many samples of `generation.draws` are drawn, at what pace, and when all will be.

    Args:
        study: The study.
        now: The time; the clock's if not given.

    Returns:
        For example "840 of 1500 samples drawn; 412 samples an hour of work, 1.6 hours of work left
        (3 sessions of 45 minutes); at the pace since the first chunk done about 2026-05-04 14:00
        UTC".
    """
    wanted = study.config.generation.draws
    left = sum(last - first + 1 for first, last in missing_spans(study, wanted))
    text = f"{wanted - left} of {wanted} samples drawn"
    pace = measure(chunk_manifests(study))
    if pace is None or not left:
        return text
    hours = left / pace.per_hour
    text += f"; {pace.per_hour:.0f} samples an hour of work, {_span(hours)} of work left"
    minutes = study.config.session.minutes
    if minutes is not None:
        sessions = math.ceil(60 * hours / minutes)
        text += f" ({sessions} session{'s' * (sessions > 1)} of {minutes:g} minutes)"
    if pace.per_day is None:
        return text
    done = (now or datetime.now(timezone.utc)) + timedelta(days=left / pace.per_day)
    return f"{text}; at the pace since the first chunk done about {done:%Y-%m-%d %H:%M} UTC"


def measure(chunks: Sequence[Manifest]) -> Pace | None:
    """Compute the pace from finished chunks; None if they tell nothing."""
    timed = [one for one in chunks if one.facts.get("samples") and one.seconds > 0]
    if not timed:
        return None
    samples = sum(int(one.facts["samples"]) for one in timed)
    ends = [_time(one) for one in timed]
    first = min(timed, key=_time)
    days = (max(ends) - min(ends)) / timedelta(days=1)
    after_the_first = samples - int(first.facts["samples"])
    return Pace(
        per_hour=samples / sum(one.seconds for one in timed) * 3600,
        per_day=after_the_first / days if days > 0 else None,
    )


def _time(chunk: Manifest) -> datetime:
    return datetime.strptime(chunk.created, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def _span(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.1f} minutes"
