"""The evaluation stage: the study's benchmark items, then one model on one benchmark at a time."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from synthetic_instruction_tuner.benchmarks import benchmark_named
from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.config.base_prompts import base_prompt
from synthetic_instruction_tuner.errors import StageError, UnreachableError
from synthetic_instruction_tuner.evaluation import items
from synthetic_instruction_tuner.evaluation.examples import examples_for
from synthetic_instruction_tuner.evaluation.items import write_items
from synthetic_instruction_tuner.evaluation.kinds import kind_of, lm_eval
from synthetic_instruction_tuner.evaluation.trial import Outcome, Trial
from synthetic_instruction_tuner.models.memory.measure import Memory
from synthetic_instruction_tuner.models.student_templates import OWN
from synthetic_instruction_tuner.progress import Progress
from synthetic_instruction_tuner.records import BenchmarkResult, Message, write_lines
from synthetic_instruction_tuner.storage.artifacts import Artifact, Manifest
from synthetic_instruction_tuner.storage.files import write_json
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import BASE, Reading, Subject
from synthetic_instruction_tuner.training import students

logger = logging.getLogger(__name__)

RESULT, ITEMS, LEFT_OUT = "result.json", "items.jsonl", "left_out.json"
OWN_TEMPLATE = "the student brings a chat template"
RANKED = "the answers are ranked, not written"
NO_ITEMS = "all items of the benchmark are measured, none is left to choose on"
"""Why the base is not asked in a form."""


def prepare_items_if_reachable(study: Study, progress: Progress) -> Manifest | None:
    """Do as `prepare_items`, but return None, with a warning, where the Hub is out of reach."""
    try:
        return prepare_items(study, progress)
    except UnreachableError as error:
        logger.warning("no benchmark items: %s", error)
        return None


def prepare_items(study: Study, progress: Progress) -> Manifest:
    """Write the benchmark rows, subsets, prompts and texts of a study.

    Raises:
        ConfigurationError: If rows are missing or malformed, or a benchmark is unknown.
        UnreachableError: If the rows lie on the Hub, and there is no way to it.
    """
    found = study.store.find(study.items)
    if found is not None:
        return found
    started = time.perf_counter()
    with study.store.writing(study.items) as folder:
        facts = write_items(study.config, folder)
    total = sum(facts["items"].values())
    progress.update(total, total, "items")
    return study.store.commit(study.items, facts, time.perf_counter() - started)


@contextmanager
def one_base() -> Iterator[None]:
    """Keep base and questions in memory between the evaluations of a block, and no longer."""
    try:
        yield
    finally:
        students.release()
        lm_eval.forget()


def evaluate(
    study: Study, subject: Subject, benchmark: BenchmarkConfig, progress: Progress
) -> Manifest:
    """Measure one model on one benchmark.

    Args:
        study: The study; its items and the subject's adapter must be there.
        subject: The base or an arm.
        benchmark: One of the study's benchmarks.
        progress: Told of finished batches or answers.

    Returns:
        Manifest of `result.json` and, unless the benchmark has no items, `items.jsonl`.

    Raises:
        StageError: If items or adapter are missing or damaged, or a score is not a number.
    """
    artifact = study.result(subject, benchmark)
    found = _find(study, subject, artifact)
    if found is not None:
        return found
    adapter = students.adapter_digest(study, subject)
    prepared = study.store.require(study.items)
    started = time.perf_counter()
    with students.under_test(study, subject) as student:
        trial = Trial(
            study, subject, benchmark, prepared, student, adapter, study.store.staging(artifact),
            progress,
        )  # fmt: skip
        return _measure(trial, artifact, started)


def read_base(study: Study, reading: Reading, progress: Progress) -> Manifest:
    """Measure the base on one benchmark, asked in one form.

    Args:
        study: The study; its items must be there, and the kept rows if the form has examples.
        reading: Benchmark, form, and on which items.
        progress: Told of finished answers.

    Returns:
        Manifest of `result.json` and `items.jsonl`, or of `left_out.json`, whose reason is also
        the fact "left_out".

    Raises:
        StageError: If items or rows are missing or damaged, or a score is not a number.
    """
    artifact, prompt = study.reading(reading), base_prompt(reading.prompt)
    found = study.store.find(artifact)
    if found is not None:
        return found
    prepared = study.store.require(study.items)
    examples: tuple[Message, ...] = ()
    if prompt.examples:
        examples = examples_for(prompt, study.store.require(study.filtered), prepared)
    started = time.perf_counter()
    with students.under_test(study, study.subject(BASE)) as student:
        trial = Trial(
            study, study.subject(BASE), reading.benchmark, prepared, student, None,
            study.store.staging(artifact), progress, prompt, examples, reading.selecting,
        )  # fmt: skip
        reason = _left_out(trial)
        if reason is None:
            return _measure(trial, artifact, started)
    with study.store.writing(artifact) as folder:
        write_json(folder / LEFT_OUT, {"reason": reason})
    return study.store.commit(artifact, {"left_out": reason}, time.perf_counter() - started)


def _left_out(trial: Trial) -> str | None:
    """Say why the base is not asked in a form, or return None."""
    if trial.settings.base_prompts is None and trial.student.chat.layout == OWN:
        return OWN_TEMPLATE
    of_harness = benchmark_named(trial.benchmark.name).kind == "lm_eval"
    if of_harness and not lm_eval.writes(trial):
        return RANKED
    rest = items.read_tasks(trial.items, trial.key, True) if of_harness else trial.prompts()
    return NO_ITEMS if trial.selecting and not rest else None


def _measure(trial: Trial, artifact: Artifact, started: float) -> Manifest:
    memory = Memory()
    with memory.phase("evaluate"):
        outcome = kind_of(trial.benchmark).run(trial)
    result = _result(trial, outcome, memory.peaks["evaluate"])
    return _commit(trial, artifact, result, outcome, time.perf_counter() - started)


def _find(study: Study, subject: Subject, artifact: Artifact) -> Manifest | None:
    """Return the result if it is there and was measured with the adapter that is there now."""
    found = study.store.find(artifact)
    if found is None or subject.arm is None:
        return found
    if study.store.find(study.trained(subject)) is None:
        return found  # nothing to compare with; the result itself is verified
    if found.facts.get("adapter") == students.adapter_digest(study, subject):
        return found
    study.store.set_aside(found.folder, f"{subject.name} has another adapter now")
    return None


def _result(trial: Trial, outcome: Outcome, memory: dict[str, int]) -> BenchmarkResult:
    entry = benchmark_named(trial.benchmark.name)
    metric, higher_is_better = outcome.headline or (entry.metric, entry.higher_is_better)
    for name, value in outcome.scores.items():
        if not math.isfinite(value):
            raise StageError(f"{trial.subject.name} on {trial.key}: {name}={value} is not a number")
    return BenchmarkResult(
        subject=trial.subject.name,
        benchmark=trial.key,
        metric=metric,
        higher_is_better=higher_is_better,
        chance=outcome.chance,
        items=len(outcome.items),
        scores=outcome.scores,
        conditions=trial.conditions() | outcome.conditions,
        measurements=outcome.measurements
        | {"seconds": round(outcome.seconds, 3), "peak_memory_bytes": memory},
    )


def _commit(
    trial: Trial, artifact: Artifact, result: BenchmarkResult, outcome: Outcome, seconds: float
) -> Manifest:
    write_json(trial.staging / RESULT, dataclasses.asdict(result))
    if outcome.items:
        write_lines(trial.staging / ITEMS, outcome.items)
    facts = {
        "adapter": trial.adapter,
        "items": result.items,
        "metric": result.metric,
        "scores": result.scores,
    }
    return trial.study.store.commit(artifact, facts, seconds)
