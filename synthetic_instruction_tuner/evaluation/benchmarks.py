"""The lm-eval tasks behind a benchmark: their definitions and their rows in the items artifact."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from synthetic_instruction_tuner.errors import ConfigurationError


@dataclass(frozen=True)
class TaskItems:
    """The rows of one lm-eval task as the items artifact holds them: an entry of `tasks.json`.

    Attributes:
        task: Name of the lm-eval task.
        definition: Its YAML below `lm_eval/tasks`.
        splits: File of each split below the artifact's folder; the first holds the items.
        chosen: Positions of the subset in the file, ascending; None: all rows.
        processed: Whether the rows are what the definition's `process_docs` made of the originals.
    """

    task: str
    definition: str
    splits: dict[str, str]
    chosen: list[int] | None = None
    processed: bool = False


@cache
def definitions() -> Path:
    """Return the folder of lm-eval's stock task definitions, without importing lm-eval."""
    spec = importlib.util.find_spec("lm_eval")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError("lm-eval is not installed; run: pip install lm-eval")
    return Path(spec.submodule_search_locations[0]) / "tasks"


def items_file(task: TaskItems) -> str:
    """Return the file that holds the items of a task."""
    return next(iter(task.splits.values()))
