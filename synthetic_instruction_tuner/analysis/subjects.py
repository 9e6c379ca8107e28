"""The models of a study as tables name them, and which comparisons were declared beforehand."""

from __future__ import annotations

from typing import Any, NamedTuple

from synthetic_instruction_tuner.analysis.benchmarks import describe
from synthetic_instruction_tuner.benchmarks import benchmark_named
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import BASE, Subject, benchmark_key
from synthetic_instruction_tuner.training.tuning import settled


class Pair(NamedTuple):
    """Two models that are compared: is `challenger` better than `reference`?"""

    challenger: str
    reference: str

    @property
    def key(self) -> str:
        """Name of the pair in the results store."""
        return f"{self.challenger}-vs-{self.reference}"


def headline(study: Study) -> list[Subject]:
    """List the base and the arms of the first training seed: what all tables show."""
    return [one for one in study.subjects if one.seed in (None, study.config.seeds[0])]


def runs_of(study: Study) -> dict[str, dict[int | None, str]]:
    """Name the model of every training seed, by the model that tables show."""
    return {
        shown.name: {one.seed: one.name for one in study.subjects if one.arm == shown.arm}
        for shown in headline(study)
    }


def label(study: Study, subject: Subject) -> str:
    """Name a model for readers: the method, and the arm's own name where methods repeat."""
    if subject.arm is None:
        return "Base"
    method = _method(subject)
    name = subject.arm.shown
    arms = study.config.training.arms
    same = [one.name for one in arms if one.title() == subject.arm.title()]
    own = subject.tuned or subject.arm.name
    if same[0] != own:
        suffix = own.removeprefix(method).strip("_") or own
        name = f"{name} ({suffix.replace('_', ' ')})"
    if subject.tuned is not None:
        name = f"{name}, tuned"
    if subject.seed not in (None, study.config.seeds[0]):
        name = f"{name}, seed {subject.seed}"
    return name


def _method(subject: Subject) -> str:
    return str(getattr(subject.arm, "method", "")) or subject.name


def describe_subjects(study: Study) -> dict[str, dict[str, Any]]:
    """Describe every model: label, method, settings, seed, whether tables show it."""
    shown = {one.name for one in headline(study)}
    return {
        one.name: {
            "label": label(study, one),
            "method": _method(one) if one.arm else None,
            "arm": one.arm.name if one.arm else None,
            "data": getattr(one.arm, "data", None),
            "start_from": getattr(one.arm, "start_from", None),
            "seed": one.seed,
            "headline": one.name in shown,
            "settings": _settings(study, one),
        }
        for one in study.subjects
    }


def _settings(study: Study, subject: Subject) -> dict[str, Any]:
    """Return an arm's settings; of one as tuned the best that were tried, once that is known."""
    if subject.arm is None:
        return {}
    known = subject.tuned is None or study.store.find(study.trained(subject)) is not None
    arm = settled(study, subject) if known else subject.arm
    return {"name": arm.name, **arm.specification()}


def declared_pairs(study: Study) -> list[Pair]:
    """List the primary comparisons, fixed by the settings before anything is measured.

    Every arm against the base; LoRA against every prompt-tuning arm; every arm that goes on from
    another against the one it started from (DPO against its SFT); every tuned arm against itself
    as specified.
    """
    arms = [one for one in headline(study) if one.arm]
    pairs = [Pair(one.name, BASE) for one in arms]
    lora = next((one.name for one in arms if _method(one) == "lora"), None)
    if lora:
        pairs += [Pair(lora, one.name) for one in arms if _method(one) == "prompt_tuning"]
    for one in arms:
        start = study.starts_from(one)
        if start is not None:
            pairs.append(Pair(one.name, start.name))
        if one.tuned is not None:
            pairs.append(Pair(one.name, one.tuned))
    return pairs


def all_pairs(study: Study) -> list[Pair]:
    """List the declared pairs, then every other pair of models that tables show."""
    pairs = declared_pairs(study)
    seen = {frozenset(one) for one in pairs}
    names = [one.name for one in headline(study)]
    for position, reference in enumerate(names):
        for challenger in names[position + 1 :]:
            if frozenset((challenger, reference)) not in seen:
                pairs.append(Pair(challenger, reference))
    return pairs


FIRST_SKILLS = ("right answers", "instruction following", "knowledge", "truthfulness")
"""Skills that are primary before others where a study declares none: what adaptation is for."""
PRIMARY_SKILLS = 4
"""Primary benchmarks where a study declares none: with all of them, corrections would leave little
to find."""


def primary_benchmarks(study: Study) -> list[str]:
    """List the benchmark keys of the primary family.

    Without a declaration: the first benchmark of each skill, `FIRST_SKILLS` before others, and
    `PRIMARY_SKILLS` at most.
    """
    settings = study.config.evaluation
    keys = [benchmark_key(one) for one in settings.benchmarks]
    declared = set(settings.primary)
    if not declared:
        by_skill: dict[str, str] = {}
        for key, one in zip(keys, settings.benchmarks, strict=True):
            if benchmark_named(one.name).kind != "speed":
                by_skill.setdefault(describe(one, settings.data_dir).skill, key)
        order = [*(one for one in FIRST_SKILLS if one in by_skill), *by_skill]
        chosen = {by_skill[one] for one in list(dict.fromkeys(order))[:PRIMARY_SKILLS]}
        return [key for key in keys if key in chosen]
    return [
        key
        for key, one in zip(keys, settings.benchmarks, strict=True)
        if key in declared or one.name in declared
    ]
