"""Benchmarks of lm-evaluation-harness: stock prompts and metrics, scored in resumable batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.evaluation import agreement, generation, harness, items
from synthetic_instruction_tuner.evaluation.benchmarks import benchmark_named
from synthetic_instruction_tuner.evaluation.harness import LoadedTask, Question
from synthetic_instruction_tuner.evaluation.scoring import Answer, Batch, Request, Scorer, plan
from synthetic_instruction_tuner.evaluation.trial import Outcome, Trial
from synthetic_instruction_tuner.files import digest
from synthetic_instruction_tuner.records import ItemScore

CHOICES = ("multiple_choice", "loglikelihood")
GENERATED = "generate_until"


@dataclass(frozen=True)
class Prepared:
    """A benchmark ready to be asked; the same for every model of a study.

    Attributes:
        tasks: lm-eval's tasks with their questions.
        requests: The tokens of each task's requests; empty where answers are generated.
        templated: Whether prompts are rendered with the chat template.
    """

    tasks: list[LoadedTask]
    requests: list[list[Request]]
    templated: bool


Answering = Callable[[Trial, Prepared], tuple[Sequence[Sequence[Any]], dict[str, Any], float]]
"""Gets the responses to all requests by task, with measurements and seconds."""


class _Cache:
    """The benchmarks of the study asked last: the next model is asked the same."""

    items: str = ""
    prepared: dict[str, Prepared] = {}  # noqa: RUF012


def run(trial: Trial) -> Outcome:
    """Score one model on an lm-eval benchmark."""
    prepared = _prepare(trial)
    generated = prepared.tasks[0].task.OUTPUT_TYPE == GENERATED
    answer: Answering = _generate if generated else _score
    responses, measured, seconds = answer(trial, prepared)
    metrics = [
        harness.item_metrics(one, found)
        for one, found in zip(prepared.tasks, responses, strict=True)
    ]
    many = len(prepared.tasks) > 1
    scored = [
        _item(loaded, question, values, found, many)
        for loaded, values_by_item, answers in zip(prepared.tasks, metrics, responses, strict=True)
        for question, values, found in zip(
            loaded.questions, values_by_item, _by_question(loaded, answers), strict=True
        )
    ]
    first = prepared.tasks[0].task
    conditions = {
        "lm_eval": harness.lm_eval_version(),
        "task_version": str(first.VERSION),
        "num_fewshot": first.config.num_fewshot,
        "templated": prepared.templated,
    }
    if generated:
        conditions["max_new_tokens"] = trial.settings.max_new_tokens
    scores = harness.aggregate(prepared.tasks, metrics)
    return Outcome(scored, scores, conditions, measured, seconds, _chance(trial, prepared))


# --- questions -----------------------------------------------------------------------------


def _prepare(trial: Trial) -> Prepared:
    policy = trial.settings.chat_template
    contents = digest(dict(trial.items.files))
    if _Cache.items != contents:
        _Cache.items, _Cache.prepared = contents, {}
    key = digest([trial.key, policy, trial.study.student.model_dump(mode="json")])
    if key not in _Cache.prepared:
        with harness.quiet(), harness.compiled_templates():
            _Cache.prepared[key] = _build(trial, policy)
    return _Cache.prepared[key]


def _build(trial: Trial, policy: str) -> Prepared:
    harness.seed_everything()
    folder = trial.items.folder
    lm = harness.wrap(trial.student, trial.settings.batch_size, trial.limit)
    tasks, requests, templated = [], [], False
    for entry in items.read_tasks(trial.items, trial.key):
        task = harness.load_task(entry, folder, trial.benchmark.num_fewshot)
        kind = task.OUTPUT_TYPE
        if kind not in (*CHOICES, GENERATED) or task.config.repeats > 1:
            raise ConfigurationError(
                f"benchmark {trial.benchmark.name!r} has output type {kind}, "
                f"{task.config.repeats} repeats; supported: {', '.join(CHOICES)}, {GENERATED}, once"
            )
        templated = policy == "always" or (policy == "generation" and kind == GENERATED)
        template = lm.apply_chat_template if templated else None
        questions = harness.build_questions(trial.benchmark.name, entry, folder, task, template)
        loaded = LoadedTask(entry.task, task, questions)
        tasks.append(loaded)
        requests.append(harness.encode(lm, loaded.instances) if kind in CHOICES else [])
    return Prepared(tasks, requests, templated)


def _by_question(loaded: LoadedTask, responses: Sequence[Any]) -> list[list[Any]]:
    """Cut a task's responses into those of each item."""
    cut, start = [], 0
    for question in loaded.questions:
        cut.append(list(responses[start : start + len(question.instances)]))
        start += len(question.instances)
    return cut


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
    loaded: LoadedTask, question: Question, values: dict[str, Any], found: list[Any], many: bool
) -> ItemScore:
    target = loaded.task.doc_to_target(question.doc)
    scores = {name: harness.scalar(value) for name, value in values.items()}
    detail: dict[str, Any] = {"question": str(loaded.task.doc_to_text(question.doc))}
    if loaded.task.OUTPUT_TYPE == "multiple_choice":
        choices = [one.args[1].strip() for one in question.instances]
        likelihoods = [answer.logprob for answer in found]
        detail |= {
            "choices": choices,
            "target": choices[target] if isinstance(target, int) else str(target),
            "response": choices[likelihoods.index(max(likelihoods))],
            "loglikelihoods": likelihoods,
        }
    else:
        detail |= {"target": str(target), "response": _plain(found[0])}
    return ItemScore(
        id=question.id,
        cluster=loaded.name if many else question.id,
        prompt_hash=harness.prompt_hash(question),
        target_hash=digest(str(target)),
        scores={name: value for name, value in scores.items() if value is not None},
        detail=detail,
    )


def _plain(response: Any) -> Any:
    return list(response) if isinstance(response, tuple) else response


# --- log-likelihoods -----------------------------------------------------------------------


def _score(trial: Trial, prepared: Prepared) -> tuple[list[list[Answer]], dict[str, Any], float]:
    """Score all requests; returns answers by task."""
    size, limit = trial.settings.batch_size, trial.limit
    plans = [plan(requests, limit, size) for requests in prepared.requests]
    total = sum(len(batches) for batches in plans)
    journal = trial.journal([[_shape(batch) for batch in batches] for batches in plans])
    scorer = Scorer(trial.student.model, trial.student.soft_prompt())
    lm = harness.wrap(trial.student, size, limit)
    agreed = _agreement(trial, prepared, scorer, lm, journal)
    answers: list[list[Answer]] = [[Answer(0.0, False)] * len(one) for one in prepared.requests]
    done = 0
    for task, batches in enumerate(plans):
        for number, batch in enumerate(batches):
            name = f"{prepared.tasks[task].name}/{number}"
            if journal.get(name) is None:
                with journal.recording(name) as result:
                    result.append(_score_batch(batch, scorer if agreed["used"] == "fast" else lm))
            for place, logprob, greedy in journal.get(name):
                answers[task][place] = Answer(logprob, greedy)
            done += 1
            trial.progress.update(done, total, "batches")
    tokens = sum(len(one.context) + len(one.continuation) for r in prepared.requests for one in r)
    measured = {"agreement": agreed, "requests": sum(map(len, answers)), "request_tokens": tokens}
    seconds = journal.seconds
    journal.close()
    return answers, measured, seconds


def _shape(batch: Batch) -> list[int]:
    return [len(batch.prefix), *(len(item.context) for item in batch.items)]


def _score_batch(batch: Batch, scorer: Any) -> list[list[Any]]:
    """Score a batch with either scorer; returns [place, log-probability, greedy] by place."""
    if isinstance(scorer, Scorer):
        found = scorer.score(batch)
    else:
        places = [place for item in batch.items for _, place in item.continuations]
        requests = [
            Request(item.context, tokens)
            for item in batch.items
            for tokens, _ in item.continuations
        ]
        found = dict(zip(places, harness.plain_scores(scorer, requests), strict=True))
    harness.require_finite(list(found.values()), "scoring")
    return [[place, *answer] for place, answer in sorted(found.items())]


def _agreement(
    trial: Trial, prepared: Prepared, scorer: Scorer, lm: Any, journal: Any
) -> dict[str, Any]:
    """Compare both scorers on a sample; the outcome is kept with the batches."""
    known: dict[str, Any] | None = journal.get("agreement")
    if known is not None:
        return known
    with journal.recording("agreement") as result:
        fast, plain = [], []
        for requests in _sample(prepared):
            places: dict[int, Answer] = {}
            flat = [one for item in requests for one in item]
            for batch in plan(flat, trial.limit, trial.settings.batch_size):
                places |= scorer.score(batch)
            fast += _regroup([places[index] for index in range(len(flat))], requests)
            plain += _regroup(harness.plain_scores(lm, flat), requests)
        found = agreement.compare(fast, plain, trial.precision)
        harness.require_finite([one for item in plain for one in item], "scoring")
        result.append(found.as_json())
    return found.as_json()


def _sample(prepared: Prepared) -> list[list[list[Request]]]:
    """Return the sample's requests by task, then item."""
    chosen = set(agreement.spread(sum(len(one.questions) for one in prepared.tasks)))
    sample, position = [], 0
    for loaded, requests in zip(prepared.tasks, prepared.requests, strict=True):
        items_of_task = []
        for found in _by_question(loaded, requests):
            if position in chosen:
                items_of_task.append(found)
            position += 1
        if items_of_task:
            sample.append(items_of_task)
    return sample


def _regroup(answers: list[Answer], like: list[list[Request]]) -> list[list[Answer]]:
    groups, start = [], 0
    for item in like:
        groups.append(answers[start : start + len(item)])
        start += len(item)
    return groups


# --- generated answers ---------------------------------------------------------------------


def _generate(trial: Trial, prepared: Prepared) -> tuple[list[list[str]], dict[str, Any], float]:
    """Generate answers greedily; stop strings cut afterwards (a greedy prefix is the same)."""
    instances = [one for loaded in prepared.tasks for one in loaded.instances]
    for one in instances:
        if one.args[1].get("do_sample") and one.args[1].get("temperature", 1.0) > 0:
            raise ConfigurationError(
                f"benchmark {trial.benchmark.name!r} samples its answers; only greedy ones compare"
            )
    found, seconds = generation.answer(trial, [one.args[0] for one in instances])
    texts = [_cut(one.text, inst.args[1]) for one, inst in zip(found, instances, strict=True)]
    cut, start = [], 0
    for loaded in prepared.tasks:
        cut.append(texts[start : start + len(loaded.instances)])
        start += len(loaded.instances)
    return cut, generation.measurements(found), seconds


def _cut(text: str, settings: dict[str, Any]) -> str:
    until = settings.get("until") or []
    for stop in [until] if isinstance(until, str) else until:
        if stop:
            text = text.split(stop)[0]
    return text
