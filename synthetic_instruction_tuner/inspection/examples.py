"""How long requests with solved examples really are, asked before anything runs.

A request that is longer than the model is given loses its beginning, and with it its first
examples: a benchmark would be measured with fewer of them than its name says.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.benchmarks import benchmark_named
from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.errors import TunerError
from synthetic_instruction_tuner.inspection.check import Check
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import benchmark_key

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

REMEDY = "ask with fewer examples (num_fewshot), or raise evaluation.max_length if the student can"


def requests(study: Study, room: int, tokenizer: PreTrainedTokenizerBase) -> Iterator[Check]:
    """Measure the requests of every benchmark that is asked with solved examples.

    Where its rows are neither in the workspace nor in a folder, they are estimated.

    Args:
        study: The study.
        room: Most tokens that a request may have.
        tokenizer: The student's.
    """
    for benchmark in study.config.evaluation.benchmarks:
        if not benchmark.num_fewshot or benchmark_named(benchmark.name).kind != "lm_eval":
            continue
        name = f"{benchmark_key(benchmark)} requests"
        try:
            found = lengths(study, benchmark, tokenizer)
        except TunerError as error:  # rows that cannot be read
            yield Check(name, "problem", str(error))
            continue
        yield _check(name, found, room) if found else _estimate(name, benchmark, room)


def _check(name: str, found: list[int], room: int) -> Check:
    over = sum(length > room for length in found)
    told = f"the longest of {len(found)} has {max(found)} tokens"
    if over:
        told += f"; {over} are longer than {room} and lose their first examples"
        return Check(name, "warning", told, REMEDY)
    return Check(name, "ok", f"{told}, {room} fit")


def _estimate(name: str, benchmark: BenchmarkConfig, room: int) -> Check:
    cost = benchmark_named(benchmark.name).cost
    if cost is None or not cost.tokens:
        return Check(name, "ok", "not known before its rows are there")
    about = cost.tokens * (1 + (benchmark.num_fewshot or 0))
    told = f"about {about} tokens on average, as its rows are not here"
    if about > room:
        return Check(name, "warning", f"{told}; {room} fit", REMEDY)
    return Check(name, "ok", f"{told}; {room} fit")


def lengths(
    study: Study, benchmark: BenchmarkConfig, tokenizer: PreTrainedTokenizerBase
) -> list[int]:
    """Return the tokens of every request of a benchmark; none where its rows are out of reach."""
    from synthetic_instruction_tuner.evaluation.run import prepare_items

    made = study.store.find(study.items)
    if made is not None:
        return _lengths(made, benchmark, tokenizer)
    if study.config.evaluation.data_dir is None:
        return []
    settings = study.config.evaluation.model_copy(
        update={"benchmarks": (benchmark,), "primary": ()}
    )
    alone = study.config.model_copy(update={"evaluation": settings})
    with tempfile.TemporaryDirectory() as folder:
        items = prepare_items(Study(alone, Path(folder)), Silent())
        return _lengths(items, benchmark, tokenizer)


def _lengths(
    items: Manifest, benchmark: BenchmarkConfig, tokenizer: PreTrainedTokenizerBase
) -> list[int]:
    from synthetic_instruction_tuner.evaluation.harness import harness
    from synthetic_instruction_tuner.evaluation.items import read_tasks

    texts: list[str] = []
    with harness.quiet(), harness.compiled_templates():
        harness.seed_everything()
        for entry in read_tasks(items, benchmark_key(benchmark)):
            task = harness.load_task(entry, items.folder, benchmark.num_fewshot)
            questions = harness.build_questions(benchmark.name, entry, items.folder, task)
            for question in questions:
                texts += ["".join(one.args[:2]) for one in question.instances]
    # the last token is predicted, never read
    return [len(ids) - 1 for ids in tokenizer(texts)["input_ids"]] if texts else []
