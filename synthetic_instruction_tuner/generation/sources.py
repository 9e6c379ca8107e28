"""Reading raw rows from files a user has: JSON, JSON lines, parquet, a `datasets` folder."""

from __future__ import annotations

import codecs
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.storage import plain

KINDS = ".json, .jsonl, .parquet, or a folder of those or written by datasets.save_to_disk"


class Unreadable:
    """A line that is not JSON; it stands in for the row, so that numbers stay right."""

    def __init__(self, text: str, problem: str) -> None:
        self.text, self.problem = text, problem


def read_rows(source: Path) -> Iterator[Any]:
    """Yield the raw rows of a file or folder, in order.

    Raises:
        ConfigurationError: If it does not exist or is of no known kind, or cannot be read at all;
            or if a folder leads out of itself.
    """
    if not source.exists():
        raise ConfigurationError(f"generation.source={str(source)!r} does not exist")
    if not source.is_dir() and not source.is_file():
        raise ConfigurationError(
            f"generation.source={str(source)!r} is {plain.describe(source)}; allowed: {KINDS}"
        )
    if source.is_dir():
        refuse_ways_out(source)
        yield from _folder(source)
        return
    readers = {".json": _json, ".jsonl": _lines, ".parquet": _parquet}
    if source.suffix not in readers:
        raise ConfigurationError(f"generation.source={str(source)!r}: allowed are {KINDS}")
    yield from readers[source.suffix](source)


def refuse_ways_out(folder: Path) -> None:
    """Refuse a folder with links that lead out of it: what lies beside it is nobody's rows.

    Raises:
        ConfigurationError: Names the first such link, or pipe.
    """
    inside = folder.resolve()
    for path in plain.entries(folder):
        if not path.resolve().is_relative_to(inside) or not path.is_file():
            raise ConfigurationError(
                f"generation.source={str(folder)!r}: {path.relative_to(folder)} is "
                f"{plain.describe(path)}; allowed: files in the folder itself, put a copy there"
            )


def _json(path: Path) -> Iterator[Any]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
        if _holds_lines(path):
            yield from _lines(path)
            return
        raise ConfigurationError(f"generation.source={str(path)!r} is not JSON: {error}") from error
    if not isinstance(rows, list):
        raise ConfigurationError(
            f"generation.source={str(path)!r} must hold a list of rows, got {type(rows).__name__}"
        )
    yield from rows


def _holds_lines(path: Path) -> bool:
    """Tell whether a file holds JSON lines, whatever its name says (`Dataset.to_json` does so)."""
    with path.open("rb") as file:
        first = file.readline().decode("utf-8-sig", errors="replace")
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _lines(path: Path) -> Iterator[Any]:
    for line in path.read_bytes().removeprefix(codecs.BOM_UTF8).split(b"\n"):
        if not line.strip():
            continue
        try:
            yield json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            yield Unreadable(line.decode("utf-8", errors="replace")[:500], str(error))


def _parquet(path: Path) -> Iterator[Any]:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        for batch in file.iter_batches(batch_size=4096):
            yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise ConfigurationError(
            f"generation.source={str(path)!r} is not readable parquet: {error}"
        ) from error


def _folder(path: Path) -> Iterator[Any]:
    if (path / "dataset_dict.json").is_file():
        for split in _splits(path / "dataset_dict.json"):
            yield from _saved_dataset(path / split)
        return
    if (path / "state.json").is_file():
        yield from _saved_dataset(path)
        return
    files = [
        one for one in sorted(path.rglob("*")) if one.suffix in (".json", ".jsonl", ".parquet")
    ]
    if not files:
        raise ConfigurationError(f"generation.source={str(path)!r} holds no rows: allowed {KINDS}")
    for file in files:
        yield from read_rows(file)


def _splits(path: Path) -> list[str]:
    """Read the names of the splits: folders beside the file, nowhere else."""
    return _names(path, "splits", lambda held: held["splits"])


def _names(path: Path, field: str, choose: Callable[[Any], Any]) -> list[str]:
    """Read what a file of a saved data set names: files or folders beside it, nowhere else."""
    try:
        names = choose(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{path} does not name the {field}: {error!r}") from error
    if not isinstance(names, list) or not all(
        isinstance(one, str) and Path(one).name == one for one in names
    ):
        raise ConfigurationError(f"{path} names {field}={names}; allowed: what lies beside it")
    return names


def _saved_dataset(path: Path) -> Iterator[Any]:
    """Read a folder of `save_to_disk`; its state names the files, which `datasets` would follow."""
    import datasets

    _names(path / "state.json", "files", lambda held: [x["filename"] for x in held["_data_files"]])
    try:
        yield from datasets.load_from_disk(str(path))
    except (FileNotFoundError, ValueError, KeyError) as error:
        raise ConfigurationError(
            f"generation.source={str(path)!r} is not a folder of datasets.save_to_disk: {error}"
        ) from error
