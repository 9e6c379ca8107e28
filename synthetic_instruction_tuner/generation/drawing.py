"""Drawing a chunk of samples: the teacher asks, then answers itself (Magpie, arXiv 2406.08464)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from synthetic_instruction_tuner.config import GenerationConfig, SamplingConfig
from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.generation import advice, cost
from synthetic_instruction_tuner.generation.identity import Draw, planned_draws
from synthetic_instruction_tuner.generation.store import (
    CONTROL_TOKENS,
    SAMPLES,
    chunk_manifests,
    reusable_samples,
)
from synthetic_instruction_tuner.models.binding import bind
from synthetic_instruction_tuner.models.chat import Chat
from synthetic_instruction_tuner.models.engines import (
    Completion,
    Engine,
    Request,
    generate_kept,
    open_engine,
    stream_seed,
)
from synthetic_instruction_tuner.models.templates import control_tokens
from synthetic_instruction_tuner.progress import Progress
from synthetic_instruction_tuner.records import Sample, write_lines
from synthetic_instruction_tuner.rules import role_leak
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.storage.journal import Journal
from synthetic_instruction_tuner.study.graph import Study

JOURNAL = "turns.jsonl"
"""Turns of an unfinished chunk that are finished: a killed session draws the others only."""


def draw_chunk(study: Study, first: int, last: int, progress: Progress) -> Manifest:
    """Draw the samples first..last, both included, unless they are there.

    Args:
        study: The study.
        first: Index of the first sample.
        last: Index of the last sample.
        progress: Told how many turns are finished.

    Returns:
        The manifest of the chunk; its facts hold counts, finishes, tokens and their rate, device
        and the fingerprint of the template.
    """
    artifact = study.chunk(first, last)
    found = study.store.find(artifact)
    if found is not None:
        return found
    settings = study.config.generation
    engine = open_engine(settings.teacher, settings.engine, settings.completions)
    template = bind(engine.tokenizer, settings.teacher.family, engine.end_ids)
    _check_same_teacher(study, template.fingerprint, engine.revision)
    journal = Journal(
        study.store.staging(artifact) / JOURNAL, f"{template.fingerprint} {engine.revision}"
    )
    started = time.monotonic() - journal.seconds
    talks = [Conversation(draw) for draw in planned_draws(study, first, last)]
    reused = _reuse(talks, reusable_samples(study), settings)
    Drawing(engine, template, settings, progress, journal).run(talks)
    seconds = time.monotonic() - started  # with those of sessions that were killed
    samples = [talk.sample() for talk in talks]
    with study.store.writing(artifact) as staging:
        write_lines(staging / SAMPLES, samples)
    drawn = sum(talk.drawn_tokens for talk in talks)
    own = role_leak.unusual(control_tokens(engine.tokenizer))
    facts = _facts(samples, reused, drawn, seconds) | {
        "draws": study.draws.identity,
        "engine": settings.engine,
        "device": engine.device_name,
        "family": template.family.name,
        "template": template.fingerprint,
        "revision": engine.revision,
        "prefix": template.prefix_text(settings.domains[0].system_prompt),
        "rules": cost.rules_digest(study),
        "turned_away": cost.turned_away(study, samples, own),
        CONTROL_TOKENS: own,
    }
    manifest = study.store.commit(artifact, facts, seconds)
    advice.tell_limits(study.config, samples)
    if first == 0:
        advice.tell_yield(study.config, samples, cost.turned_away(study, samples, own))
    turns = 2 * settings.turns * len(samples)
    progress.update(turns, turns, cost.forecast(study))
    return manifest


@dataclass
class Conversation:
    """A sample while it is drawn.

    Attributes:
        turns: Messages so far.
        finishes: How each message ended ("stop", "length", "skipped").
        tokens: Tokens of each message.
        raw: The first instruction as decoded, special tokens shown.
        drawn_tokens: Tokens drawn for this chunk, without what earlier limits left.
    """

    draw: Draw
    turns: list[dict[str, str]] = field(default_factory=list)
    finishes: list[str] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    raw: str = ""
    drawn_tokens: int = 0

    @property
    def is_open(self) -> bool:
        """Whether it may go on: nothing was cut, and nothing is empty."""
        whole = all(finish == "stop" for finish in self.finishes)
        return whole and all(turn["content"] for turn in self.turns)

    def add(self, role: str, text: str, completion: Completion) -> None:
        """Append a turn that was drawn."""
        self.turns.append({"role": role, "content": text})
        self.finishes.append(completion.finish)
        self.tokens.append(len(completion.tokens))
        self.drawn_tokens += len(completion.tokens)

    def sample(self) -> Sample:
        """Return the record; of several turns that were cut, the first cut one counts."""
        texts = [turn["content"] for turn in self.turns]
        return Sample(
            id=self.draw.id,
            index=self.draw.index,
            domain=self.draw.domain.name,
            system_prompt=self.draw.domain.system_prompt,
            instruction=texts[0],
            response=texts[1] if len(texts) > 1 else "",
            instruction_finish=_worst(self.finishes[0::2]),
            response_finish=_worst(self.finishes[1::2]),
            instruction_tokens=sum(self.tokens[0::2]),
            response_tokens=sum(self.tokens[1::2]),
            messages=tuple(self.turns) if len(self.turns) > 2 else (),
            instruction_raw=self.raw,
        )


@dataclass(frozen=True)
class Drawing:
    """Draws the turns that conversations still lack."""

    engine: Engine
    template: Chat
    settings: GenerationConfig
    progress: Progress
    journal: Journal

    def run(self, talks: Sequence[Conversation]) -> None:
        """Draw turn by turn, all conversations side by side."""
        phases = 2 * self.settings.turns
        prompts: dict[str, tuple[int, ...]] = {}
        for phase in range(phases):
            role = "assistant" if phase % 2 else "user"
            going = [talk for talk in talks if len(talk.turns) == phase and talk.is_open]
            requests = [self._request(talk, role, phase // 2, prompts) for talk in going]
            watch = _Phase(self.progress, len(talks), phase, phases)
            names = [f"{talk.draw.id}/{phase}" for talk in going]
            size = self.settings.batch_size
            drawn = generate_kept(self.engine, requests, names, size, watch, self.journal)
            for talk, completion in zip(going, drawn, strict=True):
                self._add(talk, role, completion)
            watch.finish()

    def _request(
        self, talk: Conversation, role: str, turn: int, prompts: dict[str, tuple[int, ...]]
    ) -> Request:
        if role == "assistant":
            prompt, sampling = self.template.response_prompt(talk.turns), self.settings.response
            return self._make(talk, role, turn, tuple(prompt), sampling)
        system, sampling = talk.draw.domain.system_prompt, self.settings.instruction
        if talk.turns:
            prompt = self.template.instruction_prompt(system, talk.turns)
            return self._make(talk, role, turn, tuple(prompt), sampling)
        if system not in prompts:
            prompts[system] = tuple(self.template.instruction_prompt(system))
        return self._make(talk, role, turn, prompts[system], sampling)

    def _make(
        self,
        talk: Conversation,
        role: str,
        turn: int,
        prompt: tuple[int, ...],
        sampling: SamplingConfig,
    ) -> Request:
        return Request(
            prompt=prompt,
            seed=stream_seed(talk.draw.id, role, turn),
            sampling=sampling,
            stop=self.template.stop_ids,
            banned_first=self.template.banned_first if role == "user" else (),
        )

    def _add(self, talk: Conversation, role: str, completion: Completion) -> None:
        if role == "user":
            talk.raw = talk.raw or self.template.raw(completion.tokens)
            talk.add(role, self.template.text(completion.tokens), completion)
        else:
            talk.add(role, self.template.answer(completion.tokens), completion)


class _Phase:
    """Counts the turns of all phases as one piece of work, in samples."""

    def __init__(self, progress: Progress, samples: int, phase: int, phases: int) -> None:
        self._progress, self._before, self._size = progress, phase * samples, samples
        self._phases, self._name = phases, ("instructions", "responses")[phase % 2]

    def update(self, done: int, total: int, note: str = "") -> None:
        """Report requests of this phase; those that need none are counted as done."""
        done += self._before + self._size - total
        self._progress.update(done // self._phases, self._size, f"{self._name} {note}".rstrip())

    def finish(self) -> None:
        """Report the whole phase as done."""
        done = self._before + self._size
        self._progress.update(done // self._phases, self._size, self._name)


def _reuse(
    talks: Sequence[Conversation], found: dict[str, Sample], settings: GenerationConfig
) -> int:
    """Take over what earlier limits finished within the present ones; return whole samples."""
    whole = 0
    for talk in talks:
        sample = found.get(talk.draw.id)
        if sample is None or settings.turns > 1:
            continue  # a conversation of several turns is drawn as a whole
        if not _stands(sample.instruction_finish, sample.instruction_tokens, settings.instruction):
            continue
        talk.raw = sample.instruction_raw
        _take(talk, "user", sample.instruction, sample.instruction_tokens)
        if _stands(sample.response_finish, sample.response_tokens, settings.response):
            _take(talk, "assistant", sample.response, sample.response_tokens)
            whole += 1
    return whole


def _stands(finish: str, tokens: int, limits: SamplingConfig) -> bool:
    return finish == "stop" and tokens <= limits.max_new_tokens


def _take(talk: Conversation, role: str, text: str, tokens: int) -> None:
    talk.turns.append({"role": role, "content": text})
    talk.finishes.append("stop")
    talk.tokens.append(tokens)


def _worst(finishes: Sequence[str]) -> str:
    return next((one for one in finishes if one != "stop"), "stop") if finishes else advice.SKIPPED


def _check_same_teacher(study: Study, template: str, revision: str | None) -> None:
    """Refuse to mix draws of two teachers: a Hub model may have changed under its name."""
    now = {"template": template, "revision": revision}
    for manifest in chunk_manifests(study):
        for what, value in now.items():
            if manifest.facts.get(what) != value:
                raise StageError(
                    f"the {what} of {study.config.generation.teacher.name!r} is {value}, but "
                    f"{manifest.name} was drawn with {manifest.facts.get(what)}; pin "
                    "generation.teacher.revision to the commit used then, or start a new workspace"
                )


def _facts(samples: Sequence[Sample], reused: int, tokens: int, seconds: float) -> dict[str, Any]:
    return {
        "samples": len(samples),
        "reused": reused,
        "domains": dict(Counter(one.domain for one in samples)),
        "finish": {
            "instruction": dict(Counter(one.instruction_finish for one in samples)),
            "response": dict(Counter(one.response_finish for one in samples)),
        },
        "tokens": tokens,
        "seconds": round(seconds, 3),
        "tokens_per_second": round(tokens / seconds, 1) if tokens else None,
    }
