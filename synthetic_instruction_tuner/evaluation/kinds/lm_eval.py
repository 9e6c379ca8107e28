"""Benchmarks of lm-evaluation-harness: stock prompts and metrics, scored in resumable batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from synthetic_instruction_tuner.benchmarks import benchmark_named
from synthetic_instruction_tuner.config.base_prompts import Layout
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.evaluation import asking, constants, generation, items
from synthetic_instruction_tuner.evaluation.harness import fixed, harness, ifeval, judging
from synthetic_instruction_tuner.evaluation.harness.harness import LoadedTask, Question
from synthetic_instruction_tuner.evaluation.likelihood import likelihoods
from synthetic_instruction_tuner.evaluation.likelihood.likelihoods import Group
from synthetic_instruction_tuner.evaluation.trial import Outcome, Trial
from synthetic_instruction_tuner.records import ItemScore, Message
from synthetic_instruction_tuner.storage.files import digest

CHOICES = ("multiple_choice", "loglikelihood")
GENERATED = "generate_until"


@dataclass(frozen=True)
class Prepared:
    """A benchmark ready to be asked; the same for every model of a study.

    Attributes:
        tasks: lm-eval's tasks with their questions.
        groups: The tokens of each task's requests; empty where answers are generated.
        templated: Whether prompts are rendered with the chat template.
        constants: Mean of every metric by constant answer.
    """

    tasks: list[LoadedTask]
    groups: list[Group]
    templated: bool
    constants: dict[str, dict[str, float]]


Responses = tuple[Sequence[Sequence[Sequence[Any]]], dict[str, Any], float]
"""Responses by task, item and request; measurements; seconds."""


class _Cache:
    """The benchmarks of the study asked last: the next model is asked the same."""

    items: str = ""
    prepared: dict[str, Prepared] = {}  # noqa: RUF012


def forget() -> None:
    """Forget the questions of the study asked last."""
    _Cache.items, _Cache.prepared = "", {}


def run(trial: Trial) -> Outcome:
    """Score one model on an lm-eval benchmark."""
    prepared = _prepare(trial)
    generated = prepared.tasks[0].task.OUTPUT_TYPE == GENERATED
    answer = _generate if generated else _score
    responses, measured, seconds = answer(trial, prepared)
    metrics = [
        judging.item_metrics(one, found)
        for one, found in zip(prepared.tasks, responses, strict=True)
    ]
    scores = judging.aggregate(prepared.tasks, metrics)
    headline = _headline(trial, prepared, scores)
    metric = headline[0] if headline else benchmark_named(trial.benchmark.name).metric
    measured |= {constants.CONSTANTS: {k: one[metric] for k, one in prepared.constants.items()}}
    many = len(prepared.tasks) > 1
    scored = [
        _item(loaded, question, values, found, many, metric)
        for loaded, values_by_item, answers in zip(prepared.tasks, metrics, responses, strict=True)
        for question, values, found in zip(loaded.questions, values_by_item, answers, strict=True)
    ]
    if trial.prompt.layout is not None:
        _keep_prompts(prepared, scored)
    first = prepared.tasks[0].task
    conditions = {
        "lm_eval": harness.lm_eval_version(),
        "task_version": str(first.VERSION),
        "num_fewshot": first.config.num_fewshot,
        "templated": prepared.templated,
    }
    if generated:
        conditions["max_new_tokens"] = trial.settings.max_new_tokens
    chance = _chance(trial, prepared)
    return Outcome(scored, scores, conditions, measured, seconds, chance, headline)


# --- questions -----------------------------------------------------------------------------


def _prepare(trial: Trial) -> Prepared:
    policy = trial.settings.chat_template
    contents = digest(dict(trial.items.files))
    if _Cache.items != contents:
        _Cache.items, _Cache.prepared = contents, {}
    student = trial.study.student.model_dump(mode="json")
    asked = [trial.prompt.name, trial.examples, trial.selecting]
    key = digest([trial.key, policy, student, asked])
    if key not in _Cache.prepared:
        with harness.quiet(), harness.compiled_templates():
            _Cache.prepared[key] = _build(trial, policy)
    return _Cache.prepared[key]


def _build(trial: Trial, policy: str) -> Prepared:
    harness.seed_everything()
    folder = trial.items.folder
    lm = harness.wrap(trial.student, trial.settings.batch_size, trial.limit)
    tasks, groups, templated = [], [], False
    for entry in items.read_tasks(trial.items, trial.key, trial.selecting):
        task = harness.load_task(entry, folder, trial.benchmark.num_fewshot)
        kind = task.OUTPUT_TYPE
        if kind not in (*CHOICES, GENERATED) or task.config.repeats > 1:
            raise ConfigurationError(
                f"benchmark {trial.benchmark.name!r} has output type {kind}, "
                f"{task.config.repeats} repeats; supported: {', '.join(CHOICES)}, {GENERATED}, once"
            )
        templated = policy == "always" or (policy == "generation" and kind == GENERATED)
        template = trial.student.chat.for_lm_eval if templated else None
        if trial.prompt.layout is not None and kind == GENERATED:
            template, templated = _plain_template(trial.prompt.layout, trial.examples), False
        questions = harness.build_questions(trial.benchmark.name, entry, folder, task, template)
        loaded = LoadedTask(entry.task, task, questions)
        tasks.append(loaded)
        if kind in CHOICES:
            tokens = iter(harness.encode(lm, loaded.instances))
            cut = [[next(tokens) for _ in question.instances] for question in questions]
            groups.append(Group(entry.task, cut))
    return Prepared(tasks, groups, templated, fixed.constant_scores(tasks))


def _plain_template(layout: Layout, examples: Sequence[Message]) -> Callable[..., str]:
    """Return what lm-eval calls in place of the chat template."""

    def write(messages: Sequence[Message], add_generation_prompt: bool = True) -> str:
        return asking.render(layout, examples, messages)

    return write


def writes(trial: Trial) -> bool:
    """Whether the models write the answers of a benchmark, as its definition says."""
    entries = items.read_tasks(trial.items, trial.key)
    with harness.quiet():
        task = harness.load_task(entries[0], trial.items.folder, trial.benchmark.num_fewshot)
    return str(task.OUTPUT_TYPE) == GENERATED


def _headline(
    trial: Trial, prepared: Prepared, scores: dict[str, float]
) -> tuple[str, bool] | None:
    """Name the metric of a task that the table of benchmarks does not know, by its first filter."""
    name = trial.benchmark.name
    if benchmark_named(name).metric:
        return None
    metric, higher = judging.headline(name, [one.task for one in prepared.tasks])
    return next(key for key in scores if key.split(",")[0] == metric), higher


def _chance(trial: Trial, prepared: Prepared) -> float | None:
    """Score of guessing, averaged over the items."""
    kind = benchmark_named(trial.benchmark.name).chance
    if kind is None:
        return None
    values = []
    for loaded in prepared.tasks:
        for question in loaded.questions:
            choices = len(question.instances)
            true = sum(question.doc["mc2_targets"]["labels"]) if kind == "true_share" else 1
            values.append(true / choices)
    return sum(values) / len(values)


def _item(
    loaded: LoadedTask,
    question: Question,
    values: dict[str, Any],
    found: Sequence[Any],
    many: bool,
    metric: str,
) -> ItemScore:
    target = loaded.task.doc_to_target(question.doc)
    scores = {name: judging.scalar(value) for name, value in values.items()}
    detail: dict[str, Any] = {"question": str(loaded.task.doc_to_text(question.doc))}
    if loaded.task.OUTPUT_TYPE == "multiple_choice":
        choices = [one.args[1].strip() for one in question.instances]
        likelihoods = [answer.logprob for answer in found]
        ranked = judging.ranked_by(metric, likelihoods, loaded.task.doc_to_choice(question.doc))
        detail |= {
            "choices": choices,
            "target": choices[target] if isinstance(target, int) else str(target),
            "response": choices[ranked.index(max(ranked))],
            "loglikelihoods": likelihoods,
        }
    else:
        detail |= {"target": str(target), "response": _plain(found[0])}
    if "inst_level_strict_acc" in values:
        detail["obeyed"] = ifeval.obeyed(question.doc, values)
    return ItemScore(
        id=question.id,
        cluster=loaded.name if many else question.id,
        prompt_hash=harness.prompt_hash(question),
        target_hash=digest(str(target)),
        scores={name: value for name, value in scores.items() if value is not None},
        detail=detail,
    )


def _keep_prompts(prepared: Prepared, scored: Sequence[ItemScore]) -> None:
    """Write the whole prompt into each item's log."""
    questions = [one for loaded in prepared.tasks for one in loaded.questions]
    for question, item in zip(questions, scored, strict=True):
        item.detail["asked"] = str(question.instances[0].args[0])


def _plain(response: Any) -> Any:
    return list(response) if isinstance(response, tuple) else response


# --- responses -----------------------------------------------------------------------------


def _score(trial: Trial, prepared: Prepared) -> Responses:
    """Score every choice; returns the answers of every item, by task."""
    found = likelihoods.score(trial, prepared.groups)
    return found.answers, found.measured, found.seconds


def _generate(trial: Trial, prepared: Prepared) -> Responses:
    """Generate answers greedily; stop strings cut afterwards (a greedy prefix is the same)."""
    instances = [one for loaded in prepared.tasks for one in loaded.instances]
    for one in instances:
        if one.args[1].get("do_sample") and one.args[1].get("temperature", 1.0) > 0:
            raise ConfigurationError(
                f"benchmark {trial.benchmark.name!r} samples its answers; only greedy ones compare"
            )
    prompts = [one.args[0] for one in instances]
    found, seconds = generation.answer(trial, prompts)
    texts = iter([_cut(one.text, inst.args[1]) for one, inst in zip(found, instances, strict=True)])
    cut = [
        [[next(texts) for _ in question.instances] for question in loaded.questions]
        for loaded in prepared.tasks
    ]
    return cut, generation.measurements(trial, prompts, found), seconds


def _cut(text: str, settings: dict[str, Any]) -> str:
    until = settings.get("until") or []
    for stop in [until] if isinstance(until, str) else until:
        if stop:
            text = text.split(stop)[0]
    return text
