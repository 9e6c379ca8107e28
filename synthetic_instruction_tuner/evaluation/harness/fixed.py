"""Constant answers to lm-eval's tasks, judged by the tasks themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from synthetic_instruction_tuner.evaluation import constants
from synthetic_instruction_tuner.evaluation.harness import judging
from synthetic_instruction_tuner.evaluation.harness.harness import LoadedTask, Question
from synthetic_instruction_tuner.evaluation.likelihood.batching import Answer

UNLIKELY = -1000.0
"""Log-likelihood of the choices that a constant does not take; its own has 0."""


def constant_scores(tasks: Sequence[LoadedTask]) -> dict[str, dict[str, float]]:
    """Score the constants on a benchmark; none where a single given text is scored.

    Returns:
        By constant, the mean of every metric.
    """
    kind = tasks[0].task.OUTPUT_TYPE
    ways = {"multiple_choice": _chosen, "generate_until": _written}.get(kind)
    found = {}
    for name, responses in ways(tasks) if ways else ():
        left = iter(responses)
        split = [[next(left) for _ in loaded.questions] for loaded in tasks]
        metrics = [judging.item_metrics(*one) for one in zip(tasks, split, strict=True)]
        found[name] = judging.aggregate(tasks, metrics)
    return found


def _questions(tasks: Sequence[LoadedTask]) -> list[Question]:
    return [question for loaded in tasks for question in loaded.questions]


def _chosen(tasks: Sequence[LoadedTask]) -> Iterator[tuple[str, list[list[Any]]]]:
    offered = [[one.args[1].strip() for one in q.instances] for q in _questions(tasks)]
    for name, places in constants.of_choices(offered).items():
        yield (
            name,
            [
                [Answer(0.0 if at == place else UNLIKELY, at == place) for at in range(len(texts))]
                for texts, place in zip(offered, places, strict=True)
            ],
        )


def _written(tasks: Sequence[LoadedTask]) -> Iterator[tuple[str, list[list[Any]]]]:
    for name, text in constants.WRITTEN.items():
        yield name, [[text] * len(question.instances) for question in _questions(tasks)]
    echoes = [
        [str(loaded.task.doc_to_text(question.doc))] * len(question.instances)
        for loaded in tasks
        for question in loaded.questions
    ]
    yield constants.ECHO, echoes
