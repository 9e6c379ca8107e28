"""Knowledge retention: plain facts, each as a sentence to be ended, scored without any template.

Fine-tuning for instructions can cost what the base knew. The share of facts that the model still
ends correctly (of four ends, by log-likelihood), and the mean log-likelihood of the right end, show
it without asking for a form of answer that only some models were taught.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthetic_instruction_tuner.benchmarks import DEFAULT_ITEMS, benchmark_named
from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.evaluation import constants
from synthetic_instruction_tuner.evaluation.harness import harness
from synthetic_instruction_tuner.evaluation.likelihood import likelihoods
from synthetic_instruction_tuner.evaluation.likelihood.batching import Answer, Request
from synthetic_instruction_tuner.evaluation.likelihood.likelihoods import Group
from synthetic_instruction_tuner.evaluation.prompts import Files, Prompt, make, read_prompts
from synthetic_instruction_tuner.evaluation.subsets import choose, rank
from synthetic_instruction_tuner.evaluation.trial import Outcome, Trial
from synthetic_instruction_tuner.records import ItemScore
from synthetic_instruction_tuner.storage.files import digest

CHOICES = 4


Relations = Mapping[str, tuple[str, Mapping[str, str]]]
"""Sentences to be ended, by relation, with subject and right end."""


def relations(benchmark: str) -> Relations:
    """Return the facts of a benchmark: common ones, or those of the closed world's chronicles."""
    if benchmark_named(benchmark).items_from == "closed_world":
        from synthetic_instruction_tuner.sandbox.lore import LORE

        return LORE
    from synthetic_instruction_tuner.sandbox import tables

    return {
        "capital": ("The capital of {} is", tables.CAPITALS),
        "continent": ("{} is in", tables.CONTINENTS),
        "young": ("A young {} is called a", tables.YOUNG),
        "colour": ("The colour of {} is", tables.THING_COLOURS),
        "job_place": ("The {} works at the", tables.JOB_PLACES),
        "plural": ("The plural of {} is", tables.PLURALS),
        "past_tense": ("The past tense of {} is", tables.PAST_TENSES),
        "opposite": ("The opposite of {} is", tables.OPPOSITES),
    }


def draw(benchmark: BenchmarkConfig, seed: int, files: Files) -> list[Prompt]:
    """Choose facts, spread over the relations in proportion, with three wrong ends each."""
    facts, count = relations(benchmark.name), benchmark.items or DEFAULT_ITEMS
    strata = {name: list(table) for name, (_, table) in facts.items()}
    chosen = choose(strata, count, seed)
    return [
        _fact(benchmark.name, name, strata[name][place], *facts[name], seed)
        for name in facts
        for place in chosen[name]
    ]


def _fact(
    benchmark: str, name: str, subject: str, sentence: str, table: Mapping[str, str], seed: int
) -> Prompt:
    right = table[subject]
    others = sorted(set(table.values()) - {right}, key=lambda end: rank(seed, name, subject, end))
    ends = sorted([right, *others[: CHOICES - 1]], key=lambda end: rank(seed, subject, end))
    return make(
        benchmark,
        name,
        sentence.format(subject),
        {"ends": [f" {end}." for end in ends], "answer": ends.index(right)},
    )


def run(trial: Trial) -> Outcome:
    """Score one model's knowledge."""
    prompts = read_prompts(trial.items, trial.benchmark)
    lm = harness.wrap(trial.student, trial.settings.batch_size, trial.limit)
    groups: dict[str, list[list[Request]]] = {}
    for one in prompts:
        ends = [harness.encode_pair(lm, one.text, end) for end in one.data["ends"]]
        groups.setdefault(one.cluster, []).append(ends)
    found = likelihoods.score(trial, [Group(*group) for group in groups.items()])
    answers = [answer for group in found.answers for answer in group]
    # Facts lie grouped by relation, so the answers come in the order of the prompts.
    scored = [_item(one, answer) for one, answer in zip(prompts, answers, strict=True)]
    scores = {
        name: sum(one.scores[name] for one in scored) / len(scored)
        for name in ("accuracy", "right_loglikelihood")
    }
    chance = sum(1 / len(one.data["ends"]) for one in prompts) / len(prompts)
    conditions = {"templated": False, "lm_eval": harness.lm_eval_version()}
    measured = found.measured | {constants.CONSTANTS: _constants(prompts)}
    return Outcome(scored, scores, conditions, measured, found.seconds, chance)


def _constants(prompts: list[Prompt]) -> dict[str, float]:
    """Score what can be chosen without reading the ends."""
    taken = constants.of_choices([one.data["ends"] for one in prompts])
    right = [one.data["answer"] for one in prompts]
    return {
        name: sum(a == b for a, b in zip(places, right, strict=True)) / len(right)
        for name, places in taken.items()
    }


def _item(prompt: Prompt, answers: list[Answer]) -> ItemScore:
    values = [one.logprob for one in answers]
    best, right = values.index(max(values)), prompt.data["answer"]
    detail: dict[str, Any] = {
        "prompt": prompt.text,
        "choices": prompt.data["ends"],
        "target": prompt.data["ends"][right],
        "response": prompt.data["ends"][best],
        "loglikelihoods": values,
    }
    return ItemScore(
        id=prompt.id,
        cluster=prompt.cluster,
        prompt_hash=digest([prompt.text, prompt.data["ends"]]),
        target_hash=digest(right),
        scores={"accuracy": float(best == right), "right_loglikelihood": values[right]},
        detail=detail,
    )
