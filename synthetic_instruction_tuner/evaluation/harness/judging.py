"""From a task's responses to its metrics, with lm-eval's own functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.errors import ConfigurationError

if TYPE_CHECKING:
    from synthetic_instruction_tuner.evaluation.harness.harness import LoadedTask


def item_metrics(loaded: LoadedTask, responses: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """Let the task judge the responses; one dictionary of metrics an item.

    Args:
        loaded: The task with its items.
        responses: The responses to every item's requests.
    """
    for question, found in zip(loaded.questions, responses, strict=True):
        for instance, response in zip(question.instances, found, strict=True):
            instance.resps, instance.filtered_resps = [response], {}
    for filters in loaded.task._filters:
        filters.apply(loaded.instances)
    metrics: list[dict[str, Any]] = []
    for question in loaded.questions:
        values: dict[str, Any] = {}
        for name in question.instances[0].filtered_resps:
            judged = loaded.task.process_results(
                question.doc, [one.filtered_resps[name] for one in question.instances]
            )
            suffix = "" if name == "none" else f",{name}"
            values |= {metric + suffix: value for metric, value in judged.items()}
        metrics.append(values)
    return metrics


def aggregate(
    tasks: Sequence[LoadedTask], metrics: Sequence[list[dict[str, Any]]]
) -> dict[str, float]:
    """Aggregate each task with its own functions; tasks weigh by size, as in lm-eval's groups."""
    totals: dict[str, float] = {}
    weights: dict[str, int] = {}
    for loaded, found in zip(tasks, metrics, strict=True):
        functions = loaded.task.aggregation()
        for name in found[0]:
            value = functions[name.split(",")[0]]([one[name] for one in found])
            totals[name] = totals.get(name, 0.0) + float(value) * len(found)
            weights[name] = weights.get(name, 0) + len(found)
    return {name: total / weights[name] for name, total in totals.items()}


def ranked_by(metric: str, likelihoods: Sequence[float], choices: Sequence[str]) -> list[float]:
    """Return what a metric ranks the choices by, as lm-eval's `process_results` does.

    Args:
        metric: "acc_norm" divides by the characters of a choice, "acc_bytes" by its bytes; all
            others take the log-likelihood as it is.
        likelihoods: Log-likelihood of every choice.
        choices: Their texts as the task gives them, blanks included.
    """
    by = metric.split(",")[0]
    lengths = [
        len(text) if by == "acc_norm" else len(text.encode()) if by == "acc_bytes" else 1
        for text in choices
    ]
    return [value / length for value, length in zip(likelihoods, lengths, strict=False)]


def headline(name: str, tasks: Sequence[Any]) -> tuple[str, bool]:
    """Choose the metric that stands for lm-eval tasks of any name, and its direction.

    The first that is the mean of its items in every task: only such a score can be compared item
    by item. Perplexity, F1 over a corpus and the like are no such mean.

    Raises:
        ConfigurationError: If there is none.
    """
    from lm_eval.api.metrics import mean

    means = [
        [metric for metric, function in task.aggregation().items() if function is mean]
        for task in tasks
    ]
    for metric in means[0]:
        if all(metric in one for one in means):
            return metric, bool(tasks[0].higher_is_better().get(metric, True))
    raise ConfigurationError(
        f"benchmark {name!r} has no metric that is the mean of its items in all of its tasks, "
        "so models could not be compared item by item"
    )


def scalar(value: Any) -> float | None:
    """Return a metric's value as a number: lists (IFEval's constraints) count by their mean."""
    if isinstance(value, list | tuple) and value and all(_is_number(one) for one in value):
        return float(sum(value)) / len(value)
    return float(value) if _is_number(value) else None


def _is_number(value: object) -> bool:
    return isinstance(value, bool | int | float) or hasattr(value, "dtype")
