"""One model on one benchmark: what every kind of evaluation is given, and what it returns."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.benchmarks import benchmark_named
from synthetic_instruction_tuner.config import BenchmarkConfig, EvaluationConfig
from synthetic_instruction_tuner.config.base_prompts import AS_TRAINED, BasePrompt
from synthetic_instruction_tuner.evaluation.prompts import Prompt, read_prompts, selection_seed
from synthetic_instruction_tuner.progress import Progress
from synthetic_instruction_tuner.records import ItemScore, Message
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.storage.files import digest
from synthetic_instruction_tuner.storage.journal import Journal
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import Subject, benchmark_key
from synthetic_instruction_tuner.training.students import Student

logger = logging.getLogger(__name__)

Judge = Callable[[Prompt, str], tuple[dict[str, float], dict[str, Any]]]
"""Scores and details of one answer."""


@dataclass(frozen=True)
class Trial:
    """What is to be measured, and with what.

    Attributes:
        items: The items artifact of the study.
        student: The model with the subject's adapter attached.
        adapter: Hash of the adapter's files; None for the base.
        staging: Folder of unfinished work.
        prompt: The form in which what models write is asked: another one than the arms' own only
            for the base.
        examples: Solved examples of that form, as turns.
        selecting: Whether the items are those on which the base's prompt is chosen.
    """

    study: Study
    subject: Subject
    benchmark: BenchmarkConfig
    items: Manifest
    student: Student
    adapter: str | None
    staging: Path
    progress: Progress
    prompt: BasePrompt = AS_TRAINED
    examples: tuple[Message, ...] = ()
    selecting: bool = False

    @property
    def settings(self) -> EvaluationConfig:
        """The evaluation settings of the study."""
        return self.study.config.evaluation

    @property
    def key(self) -> str:
        """The benchmark's folder and column name."""
        return benchmark_key(self.benchmark)

    @property
    def limit(self) -> int:
        """Longest request in tokens that every model of the study can take.

        A soft prompt takes places in the context. What the longest one of the study takes is
        missing for all models alike, so that all read the same prompts.
        """
        own = getattr(self.student.model.config, "max_position_embeddings", None)
        longest = self.settings.max_length if own is None else min(self.settings.max_length, own)
        return longest - self.study.virtual_tokens

    def tell_cut(self, cut: int, requests: int) -> dict[str, int]:
        """Count, and warn of, requests that are longer than the limit and lose their beginning.

        Args:
            cut: How many.
            requests: Of how many.

        Returns:
            Both, as measurements.
        """
        if cut:
            logger.warning(
                "%s: %d of %d requests of %s are longer than %d tokens and lose their beginning "
                "(begin token, first examples); raise evaluation.max_length up to what the model "
                "can read, or ask with fewer examples",
                self.subject.name, cut, requests, self.key, self.limit,
            )  # fmt: skip
        return {"cut_requests": cut, "requests": requests}

    @property
    def templated(self) -> bool:
        """Whether what models write is asked under the chat template."""
        return self.prompt.layout is None and self.settings.chat_template != "never"

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts that end an answer, besides the model's own end."""
        return self.prompt.stops(benchmark_named(self.benchmark.name).paragraphs)

    @property
    def seed(self) -> int:
        """The seed that the items were drawn with."""
        seed = self.study.config.seed
        return selection_seed(seed) if self.selecting else seed

    def prompts(self) -> list[Prompt]:
        """Read the prompts of the benchmark."""
        return read_prompts(self.items, self.benchmark, self.selecting)

    @property
    def device(self) -> str:
        """Kind of device: "cpu" or "cuda"."""
        return str(self.student.model.device.type)

    @property
    def precision(self) -> str:
        """Compute type: "float32", ..."""
        return str(self.student.model.dtype).removeprefix("torch.")

    def journal(self, plan: Any) -> Journal:
        """Open the journal of finished batches.

        Args:
            plan: What the batches are, as JSON values: prompts and how they are grouped.
        """
        parts = [self.items.files, self.adapter, self.conditions(), plan]
        return Journal(self.staging / "batches.jsonl", digest(parts))

    def conditions(self) -> dict[str, Any]:
        """What must be equal for two models to be compared, whatever the kind of benchmark."""
        asked = {
            "base_prompt": self.prompt.name,
            "examples": digest(self.examples),
            "stops": list(self.stops),
        }
        return (asked if self.prompt.layout else {}) | {
            "items": digest(dict(self.items.files)),
            "device": self.device,
            "precision": self.precision,
            "quantization": self.study.student.quantization,
            "batch_size": self.settings.batch_size,
            "answer_batch_size": self.settings.answer_batch_size,
            "max_length": self.limit,
            "chat_template": self.settings.chat_template,
            "seed": self.study.config.seed,
        }


@dataclass(frozen=True)
class Outcome:
    """What an evaluation found.

    Attributes:
        items: Scores of every item; empty for a benchmark without items.
        scores: Mean of every metric.
        conditions: Conditions besides those of every trial.
        measurements: Figures besides those of every trial.
        seconds: Working time on the batches, over all sessions.
        chance: Score of guessing, None where there is no such thing.
        headline: The metric that stands for a benchmark that the table does not know, and whether
            more of it is better.
    """

    items: list[ItemScore]
    scores: dict[str, float]
    conditions: dict[str, Any]
    measurements: dict[str, Any]
    seconds: float
    chance: float | None = None
    headline: tuple[str, bool] | None = None
