"""Rows of benchmarks as files, checked field by field before anything is scored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.benchmarks import Dataset, Row
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.storage.files import digest


def find_fault(row: Any, dataset: Dataset) -> str | None:
    """Say what is wrong with a row of a data set, or return None."""
    if not isinstance(row, dict):
        return "is not an object"
    for name, allowed, check in dataset.fields:
        if name not in row:
            return f"has no field {name!r} ({allowed})"
        if not _passes(check, row[name]):
            return f"has {name}={_shown(row[name])}; allowed: {allowed}"
    try:
        _line(row).encode()
    except (TypeError, ValueError, RecursionError) as error:  # dates, bytes, half a character
        return f"cannot be written as JSON: {error}"
    return dataset.fault(row)


def _passes(check: Callable[[Any], bool], value: object) -> bool:
    try:
        return check(value)
    except TypeError:  # lists of what does not compare
        return False


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def read_rows(path: Path, dataset: Dataset | None = None) -> list[Row]:
    """Read rows from JSON lines or parquet, and check each one.

    Args:
        path: The file.
        dataset: The data set whose fields a row must have; None: any object.

    Raises:
        ConfigurationError: If the file holds no rows or a wrong one; names file, row and field.
    """
    rows = []
    for number, row in enumerate(_raw_rows(path), start=1):
        fault = find_fault(row, dataset) if dataset else None
        if fault is not None:
            raise ConfigurationError(f"{path}: row {number} {fault}")
        rows.append(row)
    if not rows:
        raise ConfigurationError(f"{path} holds no rows")
    return rows


def _raw_rows(path: Path) -> Iterator[Row]:
    if path.suffix == ".parquet":
        import pyarrow.parquet

        try:
            yield from pyarrow.parquet.read_table(path).to_pylist()
        except pyarrow.ArrowException as error:
            raise ConfigurationError(f"{path} is not readable parquet: {error}") from error
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield json.loads(line.decode())
            except (ValueError, RecursionError) as error:
                raise ConfigurationError(f"{path}: line {number} is not JSON: {error}") from error


def write_rows(path: Path, rows: list[Row]) -> None:
    """Write rows as JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(_line(row))


def item_ids(benchmark: str, task: str, contents: Sequence[Mapping[str, Any]]) -> list[str]:
    """Identify items by their content; a repeated item gets its count added.

    The identity does not depend on the number of examples, the subset or the position, so that it
    pairs items across models and settings.
    """
    seen: dict[str, int] = {}
    ids = []
    for row in contents:
        name = digest({"benchmark": benchmark, "task": task, "row": dict(row)})[:16]
        seen[name] = seen.get(name, 0) + 1
        ids.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return ids
