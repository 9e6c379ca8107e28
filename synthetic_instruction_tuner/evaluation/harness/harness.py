"""lm-evaluation-harness: its stock task definitions on rows that are already here.

Only the definitions of the wanted tasks are read (its index of all tasks takes seconds), rows come
from the items artifact (no network), and neither of its caches is used: the keys of both leave out
what determines the values (model and adapter in one, the data in the other).
"""

from __future__ import annotations

import contextlib
import copy
import logging
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.evaluation import rows
from synthetic_instruction_tuner.evaluation.benchmarks import TaskItems, definitions, items_file
from synthetic_instruction_tuner.evaluation.harness import ifeval
from synthetic_instruction_tuner.evaluation.likelihood.batching import Answer, Request
from synthetic_instruction_tuner.storage.files import digest

if TYPE_CHECKING:
    from lm_eval.api.instance import Instance
    from lm_eval.api.model import LM
    from lm_eval.api.task import ConfigurableTask

FEWSHOT_SEED = 1234
"""lm-eval's own default, so that a plain run of it draws the same examples."""


@dataclass(frozen=True)
class Question:
    """One item as lm-eval asks it.

    Attributes:
        doc: The row as the task sees it.
        instances: lm-eval's requests of this item, one a choice.
    """

    id: str
    doc: Any
    instances: list[Instance]


@dataclass(frozen=True)
class LoadedTask:
    """A task with the items that are asked."""

    name: str
    task: ConfigurableTask
    questions: list[Question]

    @property
    def instances(self) -> list[Instance]:
        """All requests in order."""
        return [one for question in self.questions for one in question.instances]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence lm-eval's and datasets' chatter; errors come through."""
    import datasets

    logger = logging.getLogger("lm_eval")
    before, bars = logger.level, datasets.are_progress_bars_disabled()
    logger.setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        logger.setLevel(before)
        if not bars:
            datasets.enable_progress_bars()


@contextlib.contextmanager
def compiled_templates() -> Iterator[None]:
    """Compile each prompt template once; lm-eval does it anew for every item and example."""
    import lm_eval.utils

    environment = lm_eval.utils.env
    original = environment.from_string
    environment.from_string = lru_cache(maxsize=256)(original)
    try:
        yield
    finally:
        environment.from_string = original


def lm_eval_version() -> str:
    """Return the installed version of lm-eval."""
    return version("lm-eval")


def load_task(entry: TaskItems, folder: Path, num_fewshot: int | None) -> ConfigurableTask:
    """Build lm-eval's task object from its stock definition and rows of the items artifact.

    Args:
        entry: The task.
        folder: The items artifact.
        num_fewshot: Examples before each item; None: as the definition says. A definition that
            says 0 is never overruled, as in lm-eval itself.

    Raises:
        ConfigurationError: If the definition cannot be loaded.
    """
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks._yaml_loader import load_yaml

    if entry.definition.startswith(ifeval.DEFINITIONS):
        ifeval.prepare()
    try:
        config = copy.deepcopy(load_yaml(definitions() / entry.definition))
    except (OSError, ImportError, LookupError) as error:
        raise ConfigurationError(
            f"lm-eval task {entry.task!r} cannot be loaded: {error}"
        ) from error
    _use_rows(config, entry, folder)
    task = ConfigurableTask(config=config)
    default = task.get_config("num_fewshot")
    if num_fewshot is not None and default != 0:
        task.set_config(key="num_fewshot", value=num_fewshot)
    elif default is None:
        task.set_config(key="num_fewshot", value=0)
    task.set_fewshot_seed(seed=FEWSHOT_SEED)
    return task


def _use_rows(config: dict[str, Any], entry: TaskItems, folder: Path) -> None:
    """Point a definition to rows in memory; splits that were not shipped are taken out."""
    contents = {split: rows.read_rows(folder / name) for split, name in entry.splits.items()}

    def load(**_: Any) -> Any:
        import datasets

        return {split: datasets.Dataset.from_list(found) for split, found in contents.items()}

    for key in ("tag", "group", "task_list", "dataset_kwargs"):
        config.pop(key, None)
    config |= {"task": entry.task, "custom_dataset": load}
    for name in ("training_split", "validation_split", "test_split", "fewshot_split"):
        if config.get(name) not in contents:
            config[name] = None
    if entry.processed:
        config["process_docs"] = None
        if isinstance(config.get("fewshot_config"), dict):
            config["fewshot_config"].pop("process_docs", None)


def build_questions(
    benchmark: str,
    entry: TaskItems,
    folder: Path,
    task: ConfigurableTask,
    chat_template: Callable[..., str] | None = None,
) -> list[Question]:
    """Build lm-eval's requests for the chosen items.

    Args:
        benchmark: Name of the benchmark.
        entry: The task; its `chosen` says which items.
        folder: The items artifact.
        task: lm-eval's task object.
        chat_template: Renders messages to a prompt; None: plain text.

    Raises:
        StageError: If the task drops rows, so that items and rows cannot be matched.
    """
    docs = list(task.eval_docs)
    raw = rows.read_rows(folder / items_file(entry))
    if len(docs) != len(raw):
        raise StageError(f"{entry.task} makes {len(docs)} items of {len(raw)} rows")
    ids = rows.item_ids(benchmark, entry.task, raw)
    shots = task.config.num_fewshot
    templated = chat_template is not None
    questions = []
    for position in entry.chosen if entry.chosen is not None else range(len(docs)):
        doc = docs[position]
        context = task.fewshot_context(
            doc,
            num_fewshot=shots,
            apply_chat_template=templated,
            fewshot_as_multiturn=templated,
            chat_template=chat_template,
            gen_prefix=task.doc_to_prefix(doc),
        )
        built = task.construct_requests(
            doc=doc,
            ctx=context,
            metadata=(entry.task, position, task.config.repeats),
            apply_chat_template=templated,
            chat_template=chat_template,
        )
        instances = built if isinstance(built, list) else [built]
        questions.append(Question(ids[position], doc, instances))
    return questions


def seed_everything() -> None:
    """Set the global seeds as lm-eval does before it builds prompts (some tasks draw from them)."""
    import numpy

    random.seed(0)
    numpy.random.seed(FEWSHOT_SEED)


def wrap(student: Any, batch_size: int, max_length: int) -> LM:
    """Return lm-eval's plain scorer around the model with its adapter."""
    from lm_eval.models.huggingface import HFLM

    with quiet():
        return HFLM(
            pretrained=student.wrapped,
            backend="causal",
            tokenizer=student.tokenizer,
            batch_size=batch_size,
            max_length=max_length,
            softmax_dtype="float32",
        )


def encode(lm: LM, instances: Sequence[Instance]) -> list[Request]:
    """Turn requests into tokens exactly as lm-eval does."""
    caught: list[Request] = []
    shared: dict[
        object, Any
    ] = {}  # equal contexts and token numbers are one object: 10x less memory

    def catch(requests: Sequence[Instance], **_: object) -> list[Answer]:
        for _, context, rest in requests:
            tokens = tuple(shared.setdefault(one, one) for one in context)
            caught.append(Request(shared.setdefault(tokens, tokens), tuple(rest)))
        return []

    original, tokenize = lm._loglikelihood_tokens, lm.tok_encode
    lm._loglikelihood_tokens = catch
    lm.tok_encode = lru_cache(maxsize=8)(tokenize)  # the choices of an item repeat its context
    try:
        lm.loglikelihood(list(instances), disable_tqdm=True)
    finally:
        lm._loglikelihood_tokens, lm.tok_encode = original, tokenize
    return caught


def encode_pair(lm: LM, context: str, continuation: str) -> Request:
    """Turn a context and a continuation into tokens as lm-eval does."""
    before, after = lm._encode_pair(context, continuation)
    return Request(tuple(before), tuple(after))


def plain_scores(
    lm: LM, requests: Sequence[Request], batch_size: int | None = None
) -> list[Answer]:
    """Score requests with lm-eval's own scorer.

    Args:
        lm: What `wrap` returned.
        requests: What to score.
        batch_size: Requests side by side; None: as many as `lm` was made for.
    """
    with quiet(), _batches_of(lm, batch_size or lm.batch_size_per_gpu):
        pairs = [(("", ""), list(one.context), list(one.continuation)) for one in requests]
        return [Answer(*one) for one in lm._loglikelihood_tokens(pairs, disable_tqdm=True)]


@contextlib.contextmanager
def _batches_of(lm: LM, size: int) -> Iterator[None]:
    before = lm.batch_size_per_gpu
    lm.batch_size_per_gpu = size
    try:
        yield
    finally:
        lm.batch_size_per_gpu = before


def prompt_hash(question: Question) -> str:
    """Hash everything the model is shown for an item: contexts and continuations."""
    return digest([[str(part) for part in one.args] for one in question.instances])


def require_finite(answers: Sequence[Answer], where: str) -> None:
    """Refuse scores that are not numbers.

    Raises:
        StageError: If a log-likelihood is NaN or infinite.
    """
    for answer in answers:
        if not -1e30 < answer.logprob < 1e30:
            raise StageError(
                f"{where}: a log-likelihood is {answer.logprob}, not a number; the compute type "
                "overflows or the adapter is damaged: try dtype=float32 or bfloat16"
            )
