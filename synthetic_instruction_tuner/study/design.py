"""The design of a study: which models take part and which stages it needs, from settings alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from synthetic_instruction_tuner.benchmarks import benchmark_named
from synthetic_instruction_tuner.config import (
    BenchmarkConfig,
    ModelConfig,
    ResponderConfig,
    StudyConfig,
)
from synthetic_instruction_tuner.config.base_prompts import TEMPLATE, base_prompt
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.methods import MethodConfig
from synthetic_instruction_tuner.study.stages import STAGES, Stage
from synthetic_instruction_tuner.study.subject import BASE, Reading, Subject, Trial

PROMPT_STEP = 32
"""Tokens: room for soft prompts comes in such steps."""


@dataclass(frozen=True)
class Design:
    """What follows from the settings without a workspace.

    Attributes:
        config: The settings.
    """

    config: StudyConfig

    @cached_property
    def subjects(self) -> tuple[Subject, ...]:
        """The base and every arm with every training seed, in the order of the settings.

        Where arms are tuned, each comes a second time, as tuned, after all as specified.
        """
        settings = self.config.training
        arms: list[tuple[MethodConfig, str | None]] = [(arm, None) for arm in settings.arms]
        if settings.tuning is not None:
            arms += [
                (arm.model_copy(update={"name": f"{arm.name}_tuned"}), arm.name)
                for arm in settings.arms
            ]
        first = self.config.seeds[0]
        return (
            Subject(BASE),
            *(
                Subject(arm.name if seed == first else f"{arm.name}-seed{seed}", arm, seed, tuned)
                for seed in self.config.seeds
                for arm, tuned in arms
            ),
        )

    def trials(self, arm: str) -> tuple[Trial, ...]:
        """Return the trials of an arm; none where arms are not tuned. They have the first seed."""
        settings = self.config.training
        if settings.tuning is None:
            return ()
        given = next(one for one in settings.arms if one.name == arm)
        tried = settings.tuning.settings_of(given, self.config.seed)
        seed = self.config.seeds[0]
        return tuple(Trial(arm, number, one, seed) for number, one in enumerate(tried, 1))

    @cached_property
    def readings(self) -> tuple[Reading, ...]:
        """How the base is asked besides, where models write: on items that choose, then on all.

        In the template it is measured as every other model is; see `Study.result`.
        """
        prompts = self.config.evaluation.prompts
        if len(prompts) < 2:
            return ()
        return tuple(
            Reading(benchmark, prompt, selecting)
            for benchmark in self.config.evaluation.benchmarks
            for prompt in prompts
            for selecting in (True, False)
            if _is_asked(benchmark, prompt) and (selecting or prompt != TEMPLATE)
        )

    def subject(self, name: str) -> Subject:
        """Return the subject of that name.

        Raises:
            ConfigurationError: If the study has none; names the ones it has.
        """
        for one in self.subjects:
            if one.name == name:
                return one
        allowed = ", ".join(one.name for one in self.subjects)
        raise ConfigurationError(f"unknown model {name!r}; this study has: {allowed}")

    def starts_from(self, subject: Subject) -> Subject | None:
        """Return the arm (same seed) that this one starts from, if any."""
        return None if subject.arm is None else self.start_of(subject.arm, subject.seed)

    def start_of(self, arm: MethodConfig, seed: int | None) -> Subject | None:
        """Return the arm, as specified, that settings start from, if any."""
        if arm.start_from is None:
            return None
        return next(
            one
            for one in self.subjects
            if one.arm and one.arm.name == arm.start_from and one.seed == seed
        )

    @property
    def answering_arms(self) -> tuple[Subject, ...]:
        """The arms that answer for preference pairs and those they start from, in order."""
        wanted: set[str] = set()
        for responder in self.config.preference.responders:
            one = self.subject(responder.arm) if responder.arm is not None else None
            while one is not None:
                wanted.add(one.name)
                one = self.starts_from(one)
        return tuple(one for one in self.subjects if one.name in wanted)

    def responder_model(self, responder: ResponderConfig) -> ModelConfig:
        """Return the model behind a responder: of an arm the student."""
        return responder.model or self.student

    @property
    def virtual_tokens(self) -> int:
        """What every model's context gives up: room for the longest soft prompt of any arm.

        In steps, so that another arm's somewhat longer prompt leaves what all others read as it is.
        """
        arms = [*self.config.training.arms]
        arms += [trial.arm for arm in self.config.training.arms for trial in self.trials(arm.name)]
        longest = max((getattr(arm, "virtual_tokens", 0) for arm in arms), default=0)
        return -(-longest // PROMPT_STEP) * PROMPT_STEP

    @property
    def student(self) -> ModelConfig:
        """The base model of the study."""
        return self.config.training.student

    @property
    def uses_preference(self) -> bool:
        """Whether any arm is trained on preference pairs."""
        return any(getattr(arm, "data", "sft") == "preference" for arm in self.config.training.arms)

    def stages_until(self, last: Stage) -> tuple[Stage, ...]:
        """Return the stages up to and with `last` that this study needs, in order.

        Preference pairs are left out when no arm learns from them, unless they are asked for. The
        benchmark items are left out when nothing comes after filtering, which fetches them itself
        if it can, and where nothing is decontaminated or evaluated.
        """
        stages = STAGES[: STAGES.index(last) + 1]
        if last in ("generation", "filtering") or not (
            self.config.filtering.decontaminate or last in ("items", "evaluation", "report")
        ):
            stages = tuple(one for one in stages if one != "items")
        if not self.uses_preference and last != "preference":
            stages = tuple(one for one in stages if one != "preference")
        return stages


def _is_asked(benchmark: BenchmarkConfig, prompt: str) -> bool:
    """Whether a form exists for a benchmark: kept rows are no examples of long conversations."""
    entry = benchmark_named(benchmark.name)
    return entry.written and not (entry.turns and base_prompt(prompt).examples)
