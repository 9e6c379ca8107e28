"""The pieces of a study that do not need each other, so that any machine may make any of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from prefect import Task

from synthetic_instruction_tuner.preference.responses import find_responder
from synthetic_instruction_tuner.storage.artifacts import Artifact
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import BASE, Reading, Subject, benchmark_key
from tasks.evaluation import benchmark_named, evaluate, read_base
from tasks.filtering import measure_rows
from tasks.generation import draw_chunk
from tasks.preference import draw_responses
from tasks.step import claim_name
from tasks.training import train_arm, try_arm

MEASURES_THE_MACHINE = "speed"
"""Benchmark that is compared between models, so that one machine makes all of it."""


@dataclass(frozen=True)
class Piece:
    """One artifact that can be made beside others.

    Attributes:
        kind: Its function in this module.
        arguments: JSON values that tell it from others of its kind; the task's own arguments, too.
        task: Makes it.
        artifact: What it makes.
        samples: What it takes from a session's budget of samples.
        may_race: Whether two may make it at once: unfinished work that both write to stays usable.
    """

    kind: str
    arguments: tuple[Any, ...]
    task: Task[..., Any]
    artifact: Artifact
    samples: int = 0
    may_race: bool = False

    @property
    def claim(self) -> str:
        """The name of its claim; it holds the identity of what is made."""
        return claim_name(self.artifact)


def samples(study: Study, first: int, last: int) -> Piece:
    """The samples first..last of the study's sequence."""
    artifact, count = study.chunk(first, last), last - first + 1
    return Piece("samples", (first, last), draw_chunk, artifact, count, may_race=True)


def quality(study: Study, kind: str, first: int, last: int) -> Piece:
    """What one model of `filtering.quality` measures on the samples first..last."""
    artifact = study.signals(kind, first, last)
    return Piece("quality", (kind, first, last), measure_rows, artifact, may_race=True)


def responses(study: Study, name: str, first: int, last: int) -> Piece:
    """One responder's answers to the kept examples first..last."""
    artifact = study.response_chunk(find_responder(study, name), first, last)
    return Piece("responses", (name, first, last), draw_responses, artifact, may_race=True)


def arm(study: Study, name: str) -> Piece:
    """One trained arm."""
    return Piece("arm", (name,), train_arm, study.trained(study.subject(name)))


def trial(study: Study, name: str, number: int) -> Piece:
    """One arm with other settings, for what the validation split says of it."""
    artifact = study.trial(study.trials(name)[number - 1])
    return Piece("trial", (name, number), try_arm, artifact)


def result(study: Study, name: str, benchmark: str) -> Piece:
    """One model on one benchmark."""
    artifact = study.result(study.subject(name), benchmark_named(study, benchmark))
    return Piece("result", (name, benchmark), evaluate, artifact)


def reading(study: Study, benchmark: str, prompt: str, selecting: bool) -> Piece:
    """The base on one benchmark, asked in one form."""
    one = Reading(benchmark_named(study, benchmark), prompt, selecting)
    return Piece("reading", (benchmark, prompt, selecting), read_base, study.reading(one))


KINDS: dict[str, Callable[..., Piece]] = {
    one.__name__: one for one in (samples, quality, responses, arm, trial, result, reading)
}


def arms_by_turn(study: Study) -> list[list[Piece]]:
    """Group the arms: those of a group start from the base or from arms of earlier groups.

    The trials of all arms are a group, and the arms as tuned, which need them, the last.
    """
    turns: dict[int, list[Piece]] = {}
    tried: list[Piece] = []
    tuned: list[Piece] = []
    for one in study.subjects[1:]:
        group = turns.setdefault(_depth(study, one), []) if one.tuned is None else tuned
        group.append(arm(study, one.name))
    for given in study.config.training.arms:
        tried += [trial(study, given.name, one.number) for one in study.trials(given.name)]
    return [*(turns[depth] for depth in sorted(turns)), *(one for one in (tried, tuned) if one)]


def _depth(study: Study, subject: Subject) -> int:
    start = study.starts_from(subject)
    return 0 if start is None else 1 + _depth(study, start)


def all_results(study: Study) -> tuple[list[Piece], list[Piece]]:
    """Return the results that any machine may make, and those that one has to make alone.

    The readings of the base come right after its results.
    """
    spread: list[Piece] = []
    alone: list[Piece] = []
    for one in study.subjects:
        for benchmark in study.config.evaluation.benchmarks:
            piece = result(study, one.name, benchmark_key(benchmark))
            (alone if benchmark.name == MEASURES_THE_MACHINE else spread).append(piece)
        if one.name == BASE:
            spread += [
                reading(study, benchmark_key(read.benchmark), read.prompt, read.selecting)
                for read in study.readings
            ]
    return spread, alone


def resolve(study: Study, named: Sequence[dict[str, Any]]) -> list[Piece]:
    """Find the pieces that another machine named with `name_pieces`."""
    return [KINDS[one["kind"]](study, *one["arguments"]) for one in named]


def name_pieces(pieces: Sequence[Piece]) -> list[dict[str, Any]]:
    """Name pieces as JSON values: kind, arguments, claim."""
    return [
        {"kind": one.kind, "arguments": list(one.arguments), "claim": one.claim} for one in pieces
    ]
