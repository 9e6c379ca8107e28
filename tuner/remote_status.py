"""What `tuner status --remote` shows, as JSON and as text."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RemoteSchedule:
    """A schedule; times are UTC."""

    deployment: str
    slug: str
    when: str
    active: bool
    next_run: str | None


@dataclass(frozen=True)
class RemoteRun:
    """A run that a person, a schedule or another program started.

    Attributes:
        waits_for: Why it does not start; None unless it is late.
        progress: What its pieces of work last said.
        log: Its last log lines.
    """

    id: str
    name: str
    flow: str
    deployment: str
    state: str
    message: str
    started: str | None
    seconds: float
    waits_for: str | None
    progress: list[str]
    log: list[str]
    link: str


@dataclass(frozen=True)
class RemoteStudy:
    """Runs and schedules of one study."""

    name: str
    runs: list[RemoteRun] = field(default_factory=list)
    schedules: list[RemoteSchedule] = field(default_factory=list)
    report: str | None = None


@dataclass(frozen=True)
class RemoteStatus:
    """A server as `tuner status --remote` shows it.

    Attributes:
        workers: Names of the workers that were heard of lately; None if there is no work pool.
        gpu: Slots of the GPU limit in use and in all; None if there is no such limit.
        problems: What keeps work from being done, and what to do about it.
    """

    server: str
    ui: str
    workers: list[str] | None
    gpu: tuple[float, int] | None
    studies: list[RemoteStudy]
    problems: list[str]

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return dataclasses.asdict(self)


def lines(found: RemoteStatus, study: str | None) -> list[str]:
    """Return the text for people; `study` is what they asked for."""
    workers = ", ".join(found.workers) if found.workers else "no worker"
    slots = "no limit" if found.gpu is None else f"{found.gpu[0]:g} of {found.gpu[1]} in use"
    text = [f"Server   {found.server}", f"Workers  {workers}", f"GPU slot {slots}"]
    text += [f"Problem  {one}" for one in found.problems]
    if not found.studies:
        text.append(f"No run or schedule {f'of study {study!r} ' if study else ''}is known.")
    return text + [line for one in found.studies for line in _study_lines(one)]


def _study_lines(study: RemoteStudy) -> list[str]:
    lines = ["", f"Study {study.name!r}"]
    for one in study.schedules:
        due = f"on, next {one.next_run or 'not planned yet'}" if one.active else "paused"
        lines.append(f"  schedule {one.deployment} {one.slug} ({one.when}): {due}")
    if study.report:
        lines.append(f"  report   {study.report}")
    return lines + [line for one in study.runs for line in _run_lines(one)]


def _run_lines(run: RemoteRun) -> list[str]:
    since = f", since {run.started}" if run.started else ""
    waits = f", waits for {run.waits_for}" if run.waits_for else ""
    lines = [f"  {run.state:10} {run.name} ({run.deployment}{since}{waits})"]
    shown = [run.message, *run.progress, *run.log, run.link]
    return lines + [f"           {line}" for text in shown if text for line in text.splitlines()]
