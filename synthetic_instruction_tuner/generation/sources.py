"""Reading raw rows from what a user has: a file, a folder, a data set on the Hub."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.config.sources import HubSource, hub_source
from synthetic_instruction_tuner.errors import ConfigurationError, UnreachableError
from synthetic_instruction_tuner.generation.row_files import READERS, kind_of, read_file
from synthetic_instruction_tuner.storage import plain

KINDS = (
    f"{', '.join(READERS)}, each also .gz, a folder of those or written by datasets.save_to_disk, "
    "or hf:owner/name@revision#split"
)


def read_rows(source: str | Path) -> Iterator[object]:
    """Yield the raw rows of `generation.source`, in order.

    Raises:
        ConfigurationError: If it does not exist or is of no known kind, or cannot be read at all;
            or if a folder leads out of itself.
        UnreachableError: If it lies on the Hub, and there is no way to it.
    """
    try:
        on_hub = hub_source(str(source))
    except ValueError as error:
        raise ConfigurationError(f"generation.source={str(source)!r}: {error}") from error
    if on_hub is not None:
        yield from _hub(on_hub)
        return
    path = Path(source).expanduser()
    if not path.exists():
        raise ConfigurationError(f"generation.source={str(source)!r} does not exist")
    if path.is_dir():
        refuse_ways_out(path)
        yield from _folder(path)
        return
    if not path.is_file():
        raise ConfigurationError(
            f"generation.source={str(source)!r} is {plain.describe(path)}; allowed: {KINDS}"
        )
    if kind_of(path) not in READERS:
        raise ConfigurationError(f"generation.source={str(source)!r}: allowed are {KINDS}")
    yield from read_file(path)


def _hub(source: HubSource) -> Iterator[object]:
    """Read a split of a data set on the Hub, from the cache where it lies there already."""
    import datasets
    import httpx
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    named = f"generation.source: data set {source.name!r} at {source.revision!r}"
    try:
        rows = datasets.load_dataset(
            source.name, source.configuration, split=source.split, revision=source.revision
        )
    except (OfflineModeIsEnabled, ConnectionError, httpx.HTTPError, HfHubHTTPError) as error:
        raise UnreachableError(
            f"{named} cannot be read from the Hub (no network, HF_HUB_OFFLINE, or no access to it; "
            f"private ones need HF_TOKEN): {_first_line(error)}"
        ) from error
    except (FileNotFoundError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise ConfigurationError(
            f"{named}, split {source.split!r}: {_first_line(error)}"
        ) from error
    yield from rows


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


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


def _folder(path: Path) -> Iterator[object]:
    if (path / "dataset_dict.json").is_file():
        for split in _splits(path / "dataset_dict.json"):
            yield from _saved_dataset(path / split)
        return
    if (path / "state.json").is_file():
        yield from _saved_dataset(path)
        return
    files = [one for one in sorted(path.rglob("*")) if kind_of(one) in READERS]
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


def _saved_dataset(path: Path) -> Iterator[object]:
    """Read a folder of `save_to_disk`; its state names the files, which `datasets` would follow."""
    import datasets

    _names(path / "state.json", "files", lambda held: [x["filename"] for x in held["_data_files"]])
    try:
        yield from datasets.load_from_disk(str(path))
    except (FileNotFoundError, ValueError, KeyError) as error:
        raise ConfigurationError(
            f"generation.source={str(path)!r} is not a folder of datasets.save_to_disk: {error}"
        ) from error
