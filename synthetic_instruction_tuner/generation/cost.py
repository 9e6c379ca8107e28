"""How far the draws are, what share of them passes, what they cost, and what the rest will take.

Everything is read from the manifests of the chunks: what a run shows after each chunk, what
`tuner status` shows, and what the report prints are the same figures.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from synthetic_instruction_tuner.config import CostConfig
from synthetic_instruction_tuner.config.operation import gpu_of
from synthetic_instruction_tuner.generation.store import chunk_manifests, indices_of
from synthetic_instruction_tuner.records import Sample
from synthetic_instruction_tuner.rules import judge, role_leak
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.storage.files import digest
from synthetic_instruction_tuner.study.graph import Study

SHOWN_RULES = 3
"""Rules named in a line, those that turn most rows away first."""
UNPRICED = ("cpu", "server")
"""Devices whose hours are no GPU-hours."""


@dataclass(frozen=True)
class Cost:
    """Work and price of some samples.

    Attributes:
        samples: Samples drawn (those taken over from smaller limits cost nothing and count not).
        tokens: Tokens drawn.
        seconds: Working time.
        gpu_hours: Hours of it on a GPU.
        compute_units: Colab compute units; None where a chunk ran on something without a price.
        money: US dollars; None where `compute_units` is.
    """

    samples: int
    tokens: int
    seconds: float
    gpu_hours: float
    compute_units: float | None
    money: float | None

    @property
    def tokens_per_second(self) -> float | None:
        """Rate; None before anything was drawn."""
        return self.tokens / self.seconds if self.seconds else None

    @property
    def samples_per_hour(self) -> float | None:
        """Rate; None before anything was drawn."""
        return 3600 * self.samples / self.seconds if self.seconds and self.samples else None

    def scaled(self, samples: int) -> Cost:
        """Return what that many samples take at the same rate."""
        share = samples / self.samples
        return Cost(
            samples=samples,
            tokens=round(self.tokens * share),
            seconds=self.seconds * share,
            gpu_hours=self.gpu_hours * share,
            compute_units=None if self.compute_units is None else self.compute_units * share,
            money=None if self.money is None else self.money * share,
        )


@dataclass(frozen=True)
class Yield:
    """What the rules that look at one row at a time say of the rows drawn so far.

    Attributes:
        judged: Rows.
        passed: Rows that pass every rule; duplicates and benchmark items come off later.
        rules: Rows rejected by each rule, most first.
    """

    judged: int
    passed: int
    rules: dict[str, int]


def rules_digest(study: Study) -> str:
    """Name the rules and thresholds that a chunk's rows were judged by."""
    return digest(study.config.filtering.rules.model_dump(mode="json"))


def turned_away(study: Study, samples: Sequence[Sample], own: Sequence[str]) -> dict[str, int]:
    """Count the samples that each filter rule rejects: the live yield of generation.

    Args:
        study: The study, for its rules.
        samples: The samples of a chunk.
        own: Control tokens of the teacher.
    """
    rules = role_leak.with_tokens(study.config.filtering.rules, own)
    verdicts = (judge(sample, rules) for sample in samples)
    return dict(sorted(Counter(one.rule for one in verdicts if one).items()))


def spent(study: Study) -> Cost:
    """Sum up the chunks that are there."""
    facts = [one.facts for one in chunk_manifests(study) if "seconds" in one.facts]
    seconds = [float(one["seconds"]) for one in facts]
    devices = [str(one.get("device", "")) for one in facts]
    on_gpu = [one for one, device in zip(seconds, devices, strict=True) if device not in UNPRICED]
    units = _units(seconds, devices, study.config.costs)
    return Cost(
        samples=sum(int(one["samples"]) - int(one.get("reused", 0)) for one in facts),
        tokens=sum(int(one["tokens"]) for one in facts),
        seconds=sum(seconds),
        gpu_hours=sum(on_gpu) / 3600,
        compute_units=units,
        money=None if units is None else units * study.config.costs.money_per_unit,
    )


def _units(seconds: Sequence[float], devices: Sequence[str], prices: CostConfig) -> float | None:
    gpus = [gpu_of(device, prices) for device in devices]
    if not gpus or None in gpus:
        return None
    hourly = [prices.compute_units_per_hour[gpu] for gpu in gpus if gpu is not None]
    return sum(one / 3600 * price for one, price in zip(seconds, hourly, strict=True))


def outlook(study: Study, upto: int) -> Cost | None:
    """Estimate what drawing the rest of 0..upto-1 will take, at the rate so far.

    Returns:
        The estimate, None before anything was drawn.
    """
    done = spent(study)
    return done.scaled(_missing(study, upto)) if done.samples else None


def _missing(study: Study, upto: int) -> int:
    return upto - sum(index < upto for index in indices_of(chunk_manifests(study)))


def yield_so_far(study: Study) -> Yield | None:
    """Sum up what the chunks were judged by the present rules; None where none was."""
    rules = rules_digest(study)
    judged = [one.facts for one in chunk_manifests(study) if one.facts.get("rules") == rules]
    if not judged:
        return None
    counts: Counter[str] = Counter()
    for facts in judged:
        counts.update(facts["turned_away"])
    total = sum(int(facts["samples"]) for facts in judged)
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return Yield(total, total - counts.total(), dict(ordered))


def describe(study: Study) -> dict[str, Any]:
    """Return cost, rates and yield of the draws as JSON values; what was not measured is None."""
    done, found = spent(study), yield_so_far(study)
    return {
        "samples": done.samples,
        "tokens": done.tokens,
        "seconds": done.seconds,
        "tokens_per_second": done.tokens_per_second,
        "samples_per_hour": done.samples_per_hour,
        "gpu_hours": done.gpu_hours,
        "compute_units": done.compute_units,
        "money": done.money,
        "passed_share": found.passed / found.judged if found else None,
        "turned_away": found.rules if found else None,
    }


def forecast(study: Study, now: datetime | None = None) -> str:
    """Say in a line how far the draws are, what passes, what it cost, and when all will be there.

    Args:
        study: The study.
        now: The time; the clock's if not given.

    Returns:
        For example "840 of 1500 samples drawn; 63 % pass the rules (truncation 21 %, length 9 %);
        412 samples an hour of work, 310 tokens/s; 2.04 GPU-hours, 2.4 compute units, 0.24 USD so
        far; 1.6 hours of work left (3 sessions of 45 minutes), 0.19 USD; at the pace since the
        first chunk done about 2026-05-04 14:00 UTC".
    """
    wanted = study.config.generation.draws
    left = _missing(study, wanted)
    done, found = spent(study), yield_so_far(study)
    drawn = len(indices_of(chunk_manifests(study)))
    parts = [f"{drawn} samples drawn" if drawn > wanted else f"{drawn} of {wanted} samples drawn"]
    parts += [_passing(found)] if found else []
    if done.samples_per_hour:
        parts.append(
            f"{done.samples_per_hour:,.0f} samples an hour of work, {done.tokens_per_second:,.0f} "
            "tokens/s"
        )
        parts += [f"{_price(done)} so far"] if _price(done) else []
        parts += _rest(study, done.scaled(left), now) if left else []
    return "; ".join(parts)


def _passing(found: Yield) -> str:
    shown = list(found.rules.items())[:SHOWN_RULES]
    named = ", ".join(f"{rule} {count / found.judged:.0%}" for rule, count in shown)
    return f"{found.passed / found.judged:.0%} pass the rules" + (f" ({named})" if named else "")


def _price(cost: Cost) -> str:
    parts = [f"{cost.gpu_hours:.2f} GPU-hours"] if cost.gpu_hours else []
    if cost.compute_units is not None and cost.money is not None:
        parts += [f"{cost.compute_units:.1f} compute units", f"{cost.money:.2f} USD"]
    return ", ".join(parts)


def _rest(study: Study, rest: Cost, now: datetime | None) -> list[str]:
    minutes, text = study.config.session.minutes, f"{_span(rest.seconds)} of work left"
    if minutes is not None:
        sessions = math.ceil(rest.seconds / 60 / minutes)
        text += f" ({sessions} session{'s' * (sessions > 1)} of {minutes:g} minutes)"
    parts = [text + (f", {rest.money:.2f} USD" if rest.money is not None else "")]
    daily = samples_per_day(chunk_manifests(study))
    if daily is not None:
        done = (now or datetime.now(timezone.utc)) + timedelta(days=rest.samples / daily)
        parts.append(f"at the pace since the first chunk done about {done:%Y-%m-%d %H:%M} UTC")
    return parts


def samples_per_day(chunks: Sequence[Manifest]) -> float | None:
    """Return the pace of the calendar, pauses between sessions included.

    None while there is only one chunk, which spans no time.
    """
    timed = sorted((_time(one), int(one.facts["samples"])) for one in chunks if one.seconds > 0)
    if not timed or timed[-1][0] == timed[0][0]:
        return None
    days = (timed[-1][0] - timed[0][0]) / timedelta(days=1)
    return sum(samples for _, samples in timed[1:]) / days


def _time(chunk: Manifest) -> datetime:
    return datetime.strptime(chunk.created, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def _span(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 3600 else f"{seconds / 60:.1f} minutes"
