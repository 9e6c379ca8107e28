"""A study: its settings, its workspace, and the artifacts it consists of.

All identities follow from the settings, so what is done, missing or outdated is known before
anything runs. The graph, each arrow being "is made from":

    items, draws -> filtered -> responses -> rewards -> pairs
    filtered (and pairs, and an earlier arm) -> arm
    items (and filtered) -> reading of the base
    items and arm -> result, and readings -> comparison -> figures, report
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from synthetic_instruction_tuner.config import BenchmarkConfig, PairChoiceConfig, ResponderConfig
from synthetic_instruction_tuner.config.base_prompts import base_prompt
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.methods import MethodConfig
from synthetic_instruction_tuner.models import families, reference
from synthetic_instruction_tuner.storage.artifacts import Artifact
from synthetic_instruction_tuner.study.data_artifacts import DataArtifacts
from synthetic_instruction_tuner.study.stages import VERSIONS, Stage
from synthetic_instruction_tuner.study.subject import BASE, Reading, Subject, Trial, benchmark_key


@dataclass(frozen=True)
class Study(DataArtifacts):
    """Settings plus workspace; every stage of the domain takes one of these.

    Attributes:
        root: The workspace folder.
    """

    def responses(self, responder: ResponderConfig) -> Artifact:
        """One responder's answers to all kept instructions."""
        made_from: tuple[Artifact, ...] = (self.filtered,)
        if responder.arm is not None:
            made_from += (self.trained(self.subject(responder.arm)),)
        family = responder.model.family if responder.model else None
        config = {
            "model": reference.content(responder.model)
            if responder.model
            else made_from[1].identity,
            "sampling": responder.sampling.model_dump(mode="json"),
            "families": families.version(family),
            "seed": self.config.seed,
        }
        folder = f"data/preference/responses/{responder.name}"
        name = f"responses/{responder.name}"
        return Artifact("preference", name, folder, VERSIONS.preference, config, made_from)

    def response_chunk(self, responder: ResponderConfig, first: int, last: int) -> Artifact:
        """One responder's answers to the kept instructions first..last (both included)."""
        span = f"{first:07d}-{last:07d}"
        folder = f"data/preference/chunks/{responder.name}/{span}"
        name = f"responses/{responder.name}/{span}"
        config, made_from = {"first": first, "last": last}, (self.responses(responder),)
        return Artifact("preference", name, folder, VERSIONS.preference, config, made_from)

    @cached_property
    def lengthened(self) -> Artifact:
        """All responses, the cut ones drawn on where pairs would be missing."""
        settings = self.config.preference
        config = settings.content("lengthen", "pairs", "one_side")
        made_from = tuple(self.responses(one) for one in settings.responders)
        folder, version = "data/preference/lengthened", VERSIONS.preference
        return Artifact("preference", "lengthened", folder, version, config, made_from)

    @property
    def answers(self) -> tuple[Artifact, ...]:
        """The responses that are scored."""
        first = tuple(map(self.responses, self.config.preference.responders))
        return (self.lengthened,) if self.config.preference.lengthen else first

    @cached_property
    def rewards(self) -> Artifact:
        """Every response with its reward."""
        settings = self.config.preference
        config = {
            "reward": reference.content(settings.reward),
            "format": settings.reward_format,
            "scoring": VERSIONS.scoring,
        }
        folder = "data/preference/rewards"
        return Artifact("preference", "rewards", folder, VERSIONS.preference, config, self.answers)

    @cached_property
    def pairs(self) -> Artifact:
        """Best against worst response, with rejected pairs and reasons."""
        config = self.config.preference.content("pairs", "min_margin", "max_similarity", "one_side")
        config |= {"pairing": VERSIONS.pairing}
        choice = self.config.preference.choice
        if choice != PairChoiceConfig():
            config["choice"] = choice.model_dump(mode="json")
        folder = "data/preference/pairs"
        return Artifact("preference", "pairs", folder, VERSIONS.preference, config, (self.rewards,))

    def trained(self, subject: Subject) -> Artifact:
        """The adapter, metrics and measurements of one arm."""
        if subject.arm is None:
            raise ConfigurationError("the base is not trained")
        if subject.tuned is None:
            return self._trained(subject.name, subject.arm, subject.seed)
        tried = map(self.trial, self.trials(subject.tuned))
        specified = self.trained(self.subject(subject.tuned))
        return self._trained(subject.name, subject.arm, subject.seed, (specified, *tried))

    def trial(self, one: Trial) -> Artifact:
        """What the validation split says of an arm with other settings; it ships no adapter."""
        return self._trained(one.name, one.arm, one.seed)

    def _trained(
        self,
        name: str,
        arm: MethodConfig,
        seed: int | None,
        chosen_from: tuple[Artifact, ...] = (),
    ) -> Artifact:
        settings = self.config.training
        config: dict[str, object] = {
            "arm": arm.specification(),
            "student": reference.content(settings.student),
            "max_length": settings.max_length,
            "seed": seed,
        }
        made_from = [self.pairs if arm.data == "preference" else self.filtered]
        start = self.start_of(arm, seed)
        if start is not None:
            made_from.append(self.trained(start))
        version, inputs = VERSIONS.training, (*made_from, *chosen_from)
        return Artifact("training", name, f"models/{name}", version, config, inputs)

    def result(self, subject: Subject, benchmark: BenchmarkConfig) -> Artifact:
        """One model's scores and per-item log on one benchmark."""
        config = self._terms(benchmark)
        made_from = [self.items] if subject.arm is None else [self.items, self.trained(subject)]
        name, version = f"{subject.name}/{benchmark_key(benchmark)}", VERSIONS.evaluation
        folder = f"evaluation/results/{name}"
        return Artifact("evaluation", name, folder, version, config, tuple(made_from))

    def _terms(self, benchmark: BenchmarkConfig) -> dict[str, object]:
        """Return the settings that every model is measured with."""
        shared = self.config.evaluation.content(
            "chat_template", "batch_size", "answer_batch_size", "max_length", "max_new_tokens"
        )
        return shared | {
            "benchmark": benchmark.model_dump(mode="json"),
            "student": reference.content(self.student),
            "virtual_tokens": self.virtual_tokens,
            "seed": self.config.seed,
        }

    def reading(self, one: Reading) -> Artifact:
        """The base's scores and per-item log on one benchmark, asked in one form."""
        prompt = base_prompt(one.prompt)
        config = self._terms(one.benchmark) | {
            "prompt": prompt.name,
            "selecting": one.selecting,
            "always": self.config.evaluation.base_prompts is not None,
        }
        made_from = (self.items, self.filtered) if prompt.examples else (self.items,)
        path = f"{benchmark_key(one.benchmark)}/{prompt.name}"
        kind = "selection" if one.selecting else "prompts"
        folder = f"evaluation/base/{kind}/{path}"
        name = f"{BASE}/{path}{'/selection' if one.selecting else ''}"
        return Artifact("evaluation", name, folder, VERSIONS.evaluation, config, made_from)

    @cached_property
    def results(self) -> tuple[Artifact, ...]:
        """All results, by model, then benchmark."""
        benchmarks = self.config.evaluation.benchmarks
        return tuple(self.result(one, bench) for one in self.subjects for bench in benchmarks)

    @cached_property
    def comparison(self) -> Artifact:
        """Statistics, gates, efficiency, recommendations: the one store all reports read."""
        settings = self.config.evaluation
        config = settings.content(
            "primary", "equivalence_margin", "loss_margin", "alpha", "transcripts"
        ) | {
            "gates": [one.model_dump(mode="json") for one in self.config.gates],
            "costs": self.config.costs.model_dump(mode="json"),
            "seed": self.config.seed,
        }
        trained = tuple(self.trained(one) for one in self.subjects if one.arm)
        pairs = (self.pairs,) if self.uses_preference else ()
        read = tuple(map(self.reading, self.readings))
        made_from = (self.filtered, *pairs, *trained, *self.results, *read)
        folder = "evaluation/metrics"
        return Artifact("report", "comparison", folder, VERSIONS.analysis, config, made_from)

    @cached_property
    def figures(self) -> Artifact:
        """Charts as PNG and SVG."""
        folder = "evaluation/figures"
        return Artifact("report", "figures", folder, VERSIONS.reporting, {}, (self.comparison,))

    @cached_property
    def report(self) -> Artifact:
        """report.html, report.md, slides.pptx."""
        config = self.config.model_dump(mode="json", include={"title", "name"})
        made_from = (self.comparison, self.figures)
        return Artifact("report", "report", "reports", VERSIONS.reporting, config, made_from)

    def artifacts(self, until: Stage = "report") -> Iterator[Artifact]:
        """Yield every artifact but the single chunks, in the order in which they are made.

        Args:
            until: Last stage that is wanted: asked for by name, pairs are made that no arm needs.
        """
        stages = self.stages_until(until)
        yield from (one for one in self._all_artifacts(stages) if one.stage in stages)

    def _all_artifacts(self, stages: Sequence[Stage]) -> Iterator[Artifact]:
        yield self.items
        if self.config.generation.source is not None:
            yield self.draws
        yield self.filtered
        yield self.raw(self.filtered)
        if "preference" in stages:
            yield from map(self.responses, self.config.preference.responders)
            if self.config.preference.lengthen:
                yield self.lengthened
            yield self.rewards
            yield self.pairs
        for subject in self.subjects[1:]:
            if subject.tuned is not None and subject.seed == self.config.seeds[0]:
                yield from map(self.trial, self.trials(subject.tuned))
            yield self.trained(subject)
        yield from self.results
        yield from map(self.reading, self.readings)
        yield self.comparison
        yield self.figures
        yield self.report
