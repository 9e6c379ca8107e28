"""The items of a study: benchmark rows as files, the chosen subsets, and their texts.

Everything later stages need of a benchmark is in this one artifact, so evaluation never touches
the network, and training data can be decontaminated against exactly what is asked later.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.benchmarks import Dataset, benchmark_named
from synthetic_instruction_tuner.config import BenchmarkConfig, StudyConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.evaluation import drawing, prompts, rows, subsets
from synthetic_instruction_tuner.evaluation.benchmarks import TaskItems, definitions, items_file
from synthetic_instruction_tuner.evaluation.harness import hub, ifeval
from synthetic_instruction_tuner.evaluation.prompts import Files
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.storage.files import write_json
from synthetic_instruction_tuner.study.design import Design
from synthetic_instruction_tuner.study.subject import benchmark_key

SANDBOX = "sandbox"
TASKS, TEXTS = "tasks.json", "texts.jsonl"
SELECTION_TASKS = "selection.json"
SUFFIXES = (".jsonl", ".parquet")


def write_items(config: StudyConfig, folder: Path) -> dict[str, Any]:
    """Write rows, subsets and texts of all benchmarks of a study.

    Args:
        config: The study's settings.
        folder: Empty folder that receives `tasks.json`, `texts.jsonl`, `rows/` and `prompts/`, and
            `selection.json` and `selection/`: items on which the base's prompt is chosen.

    Returns:
        Facts for the manifest: items by benchmark key, and where the rows came from.
    """
    source = _source(config, folder)
    files = Files(folder, source)
    chooses = {benchmark_key(one.benchmark) for one in Design(config).readings}
    tasks: dict[str, list[TaskItems]] = {}
    selecting: dict[str, list[TaskItems]] = {}
    counts: dict[str, int] = {}
    texts: dict[tuple[str, str], str] = {}
    for benchmark in config.evaluation.benchmarks:
        key = benchmark_key(benchmark)
        if benchmark_named(benchmark.name).kind == "lm_eval":
            found = _task_items(benchmark, source, folder)
            tasks[key] = _choose(found, benchmark, folder, config.seed)
            counts[key] = sum(_count(one, folder) for one in tasks[key])
            texts |= _row_texts(benchmark, tasks[key], folder)
            if key in chooses:
                most = min(config.evaluation.prompt_items, counts[key])
                selecting[key] = _rest(found, tasks[key], folder, most, config.seed)
        else:
            written = drawing.write_prompts(benchmark, config.seed, files)
            counts[key] = len(written)
            texts |= {(benchmark.name, one.id): one.text for one in written}
            if key in chooses:
                most = min(config.evaluation.prompt_items, counts[key])
                drawing.write_selection(benchmark, config.seed, files, most, written)
    _write_tasks(folder / TASKS, tasks)
    if selecting:
        _write_tasks(folder / SELECTION_TASKS, selecting)
    lines = [{"benchmark": b, "id": i, "text": text} for (b, i), text in sorted(texts.items())]
    rows.write_rows(folder / TEXTS, lines)
    return {"items": counts, "source": config.evaluation.data_dir or "hub"}


def _write_tasks(path: Path, tasks: Mapping[str, Sequence[TaskItems]]) -> None:
    write_json(path, {k: [dataclasses.asdict(t) for t in v] for k, v in tasks.items()})


def read_tasks(items: Manifest, key: str, selecting: bool = False) -> list[TaskItems]:
    """Read the lm-eval tasks of a benchmark from the items artifact.

    Args:
        items: The artifact.
        key: Of the benchmark.
        selecting: The items on which the base's prompt is chosen instead; maybe none.
    """
    stored = json.loads(items.path(SELECTION_TASKS if selecting else TASKS).read_text("utf-8"))
    return [TaskItems(**entry) for entry in stored[key]]


def all_texts(items: Manifest) -> set[str]:
    """Return the texts of all items, of those on which the base's prompt is chosen, too."""
    texts = {str(row["text"]) for row in rows.read_rows(items.path(TEXTS))}
    for name in items.files:
        if name.startswith(prompts.SELECTION) and items.path(name).stat().st_size:
            texts |= {str(row["text"]) for row in rows.read_rows(items.path(name))}
    return texts


def _source(config: StudyConfig, folder: Path) -> Path | None:
    """Return the folder with rows, None for the Hub; the closed world's rows are written first."""
    data_dir = config.evaluation.data_dir
    if data_dir is None:
        return None
    if data_dir != SANDBOX:
        return Path(data_dir).expanduser()
    from synthetic_instruction_tuner import sandbox

    sandbox.write_benchmarks(folder / "rows", config.seed)
    return folder / "rows"


def _task_items(benchmark: BenchmarkConfig, source: Path | None, folder: Path) -> list[TaskItems]:
    entry = benchmark_named(benchmark.name)
    if entry.definition.startswith(ifeval.DEFINITIONS):
        ifeval.prepare()
    if entry.dataset is None:
        return hub.export_task(benchmark, folder)
    if benchmark.num_fewshot and not entry.examples:
        raise ConfigurationError(hub.FIXED.format(benchmark.name))
    if source is None:
        hub.download(entry.dataset, folder / "rows")
        source = folder / "rows"
    return local_tasks(benchmark, entry.definition, entry.dataset, source, folder)


def local_tasks(
    benchmark: BenchmarkConfig, definition: str, dataset: Dataset, source: Path, folder: Path
) -> list[TaskItems]:
    """Take the rows of one benchmark from a folder, checked row by row.

    Raises:
        ConfigurationError: If a file is missing, empty, or holds a row of another shape.
    """
    base = source / dataset.folder
    if not base.is_dir():
        raise ConfigurationError(
            f"benchmark {benchmark.name!r} needs {base}; evaluation.data_dir holds no such folder"
        )
    many = "{task}" in definition
    names = sorted(path.name for path in base.iterdir() if path.is_dir()) if many else [""]
    if not names:
        raise ConfigurationError(f"{base} holds no folder with rows (one a subject)")
    return [_local_task(benchmark, definition, dataset, base, name, folder) for name in names]


def _local_task(
    benchmark: BenchmarkConfig, definition: str, data: Dataset, base: Path, name: str, folder: Path
) -> TaskItems:
    path = definition.format(task=name)
    if not (definitions() / path).is_file():
        raise ConfigurationError(f"{base / name}: lm-eval has no task definition {path}")
    splits = {}
    for position, split in enumerate(data.splits):
        needed = position == 0 or bool(benchmark.num_fewshot)
        found = _split_file(base / name, split, needed)
        if found is not None:
            splits[split] = _adopt(found, data, name, split, folder)
    task = f"{benchmark.name}_{name}" if name else benchmark.name
    return TaskItems(task, path, splits)


def _split_file(base: Path, split: str, needed: bool) -> Path | None:
    for suffix in SUFFIXES:
        if (base / (split + suffix)).is_file():
            return base / (split + suffix)
    if needed:
        names = " or ".join(split + suffix for suffix in SUFFIXES)
        raise ConfigurationError(f"{base} has no {names}")
    return None


def _adopt(path: Path, data: Dataset, name: str, split: str, folder: Path) -> str:
    """Check a file of rows and take it into the artifact as JSON lines; return its name there."""
    content = rows.read_rows(path, data)
    target = folder / "rows" / data.folder / name / f"{split}.jsonl"
    if path != target:
        rows.write_rows(target, content)
    return target.relative_to(folder).as_posix()


# --- subsets and texts ---------------------------------------------------------------------


def _contents(task: TaskItems, folder: Path) -> list[str]:
    # Only "\n" ends a row: str.splitlines also cuts at U+2028 and the like inside a text.
    return (folder / items_file(task)).read_text(encoding="utf-8").rstrip("\n").split("\n")


def _count(task: TaskItems, folder: Path) -> int:
    return len(_contents(task, folder)) if task.chosen is None else len(task.chosen)


def _choose(
    tasks: Sequence[TaskItems], benchmark: BenchmarkConfig, folder: Path, seed: int
) -> list[TaskItems]:
    if benchmark.items is None:
        return list(tasks)
    shared = benchmark_named(benchmark.name).same_items_as or benchmark.name
    names = {task.task: task.task.replace(benchmark.name, shared, 1) for task in tasks}
    strata = {names[task.task]: _contents(task, folder) for task in tasks}
    chosen = subsets.choose(strata, benchmark.items, seed)
    kept = (dataclasses.replace(task, chosen=chosen[names[task.task]]) for task in tasks)
    return [task for task in kept if task.chosen]


def _rest(
    tasks: Sequence[TaskItems],
    measured: Sequence[TaskItems],
    folder: Path,
    total: int,
    seed: int,
) -> list[TaskItems]:
    """Choose among the rows that are not measured, with the same share of every task."""
    asked = {one.task: one.chosen for one in measured}
    free = {}
    for task in tasks:
        taken = asked.get(task.task, [])
        rows_of = range(len(_contents(task, folder)))
        free[task.task] = [] if taken is None else [n for n in rows_of if n not in set(taken)]
    if not any(free.values()):
        return []
    strata = {name: [str(one) for one in places] for name, places in free.items()}
    chosen = subsets.choose(strata, total, seed)
    kept = (
        dataclasses.replace(one, chosen=[free[one.task][place] for place in chosen[one.task]])
        for one in tasks
    )
    return [task for task in kept if task.chosen]


def _row_texts(
    benchmark: BenchmarkConfig, tasks: Sequence[TaskItems], folder: Path
) -> dict[tuple[str, str], str]:
    """Collect the texts of the chosen items by benchmark and id."""
    data = benchmark_named(benchmark.name).dataset
    texts = {}
    for task in tasks:
        content = rows.read_rows(folder / items_file(task))
        ids = rows.item_ids(benchmark.name, task.task, content)
        for position in task.chosen if task.chosen is not None else range(len(content)):
            row = content[position]
            text = data.question(row) if data else hub.text_of(row)
            texts[benchmark.name, ids[position]] = text
    return texts
