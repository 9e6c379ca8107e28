"""Rows from the Hub: the data sets of the known benchmarks, and any other lm-eval task by name."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.benchmarks import Dataset, Row
from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.errors import ConfigurationError, UnreachableError
from synthetic_instruction_tuner.evaluation import rows
from synthetic_instruction_tuner.evaluation.benchmarks import TaskItems
from synthetic_instruction_tuner.evaluation.harness import judging

if TYPE_CHECKING:
    from lm_eval.api.task import ConfigurableTask

OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")
FIXED = (
    "benchmark {!r} fixes its prompts: lm-eval shows no further examples, whatever is asked for; "
    "leave num_fewshot out"
)
PROBE_SECONDS = 10.0
"""How long the Hub has to answer before it counts as out of reach."""


def require_online(what: str) -> None:
    """Refuse early when this process is told to stay offline, or the Hub does not answer.

    Without the probe, a machine without network waits half a minute for retries that cannot help.

    Raises:
        UnreachableError: Says what to set to work offline.
    """
    remedy = "set evaluation.data_dir to a folder with the rows, or 'sandbox' for the embedded ones"
    switched = [name for name in OFFLINE if os.environ.get(name, "").upper() in ("1", "TRUE", "ON")]
    if switched:
        raise UnreachableError(
            f"{what} comes from the Hugging Face Hub, but {switched[0]} is set; {remedy}"
        )
    import httpx
    from huggingface_hub import constants

    try:
        httpx.head(constants.ENDPOINT, timeout=PROBE_SECONDS, follow_redirects=False)
    except httpx.TransportError as error:
        raise UnreachableError(
            f"{what} comes from the Hugging Face Hub, which does not answer ({error}); connect, or "
            f"{remedy}"
        ) from error


def download(dataset: Dataset, target: Path) -> None:
    """Fetch the splits of a data set and write them in the layout of a data folder.

    Raises:
        ConfigurationError: If the Hub cannot be reached or does not have it.
    """
    require_online(f"data set {dataset.repository}")
    import datasets

    by_task = dataset.folder == "mmlu"
    for split in dataset.splits:
        try:
            found = datasets.load_dataset(
                dataset.repository, "all" if by_task else dataset.configuration, split=split
            )
        except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
            raise ConfigurationError(
                f"data set {dataset.repository} ({split}) cannot be loaded: {error}"
            ) from error
        groups: dict[str, list[Row]] = {}
        for row in found:
            groups.setdefault(row["subject"] if by_task else "", []).append(row)
        for name, content in groups.items():
            rows.write_rows(target / dataset.folder / name / f"{split}.jsonl", content)


def export_task(benchmark: BenchmarkConfig, folder: Path) -> list[TaskItems]:
    """Load any lm-eval task or group by name and write the rows it reads, ready processed.

    Raises:
        ConfigurationError: If there is no such task, it cannot be loaded, its rows are no JSON, or
            its score is no mean over its items.
    """
    name = benchmark.name
    require_online(f"lm-eval task {name!r}")
    from lm_eval.tasks import TaskManager

    manager = TaskManager()
    if name not in manager.all_tasks:
        raise ConfigurationError(f"unknown benchmark {name!r}: no lm-eval task of that name")
    loaded = manager.load([name])
    tasks = [task for _, task in sorted(loaded["tasks"].items())]
    _refuse_other_weights(loaded["groups"].values())
    judging.headline(name, tasks)
    if benchmark.num_fewshot and any(task.get_config("num_fewshot") == 0 for task in tasks):
        raise ConfigurationError(FIXED.format(name))
    return [_export_leaf(name, task, folder) for task in tasks]


def _refuse_other_weights(groups: Iterable[Any]) -> None:
    """Refuse groups whose small tasks count as much as large ones: no mean over items."""
    for group in groups:
        if any(not one.weight_by_size for one in group.aggregate_metric_list or ()):
            tasks = ", ".join(group.child_names)
            raise ConfigurationError(
                f"lm-eval group {group.name!r} weighs its tasks alike, whatever their size, so its "
                f"score is no mean over items; name its tasks one by one: {tasks}"
            )


def _export_leaf(benchmark: str, task: ConfigurableTask, folder: Path) -> TaskItems:
    import lm_eval

    source = (task.config.metadata or {}).get("config_source", "inline")
    root = Path(lm_eval.__file__).parent / "tasks"
    if not Path(source).is_relative_to(root) or task.config.doc_to_image is not None:
        raise ConfigurationError(
            f"lm-eval task {task.task_name!r} is not a text task with a YAML definition"
        )
    config = task.config
    items_split = config.test_split or config.validation_split
    splits = {items_split: list(task.eval_docs)}
    beside_tests = config.validation_split if config.test_split else None
    examples = config.fewshot_split or config.training_split or beside_tests  # as lm-eval looks
    if examples is not None and examples != items_split:
        splits[examples] = list(task.fewshot_docs())
    files = {}
    for split, content in splits.items():
        path = folder / "rows" / benchmark / task.task_name / f"{split}.jsonl"
        try:
            rows.write_rows(path, [dict(row) for row in content])
        except TypeError as error:
            raise ConfigurationError(
                f"lm-eval task {task.task_name!r} has rows that are no JSON: {error}"
            ) from error
        files[split] = path.relative_to(folder).as_posix()
    definition = Path(source).relative_to(root).as_posix()
    return TaskItems(task.task_name, definition, files, processed=True)


def text_of(row: Row) -> str:
    """Return the text of a row of an unknown shape: its texts, one a line."""
    texts = [value for value in row.values() if isinstance(value, str) and value.strip()]
    return "\n".join(texts) if texts else json.dumps(row, ensure_ascii=False)
