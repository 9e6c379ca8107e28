"""What a study is given from outside: raw rows and benchmark data, known by their content."""

from __future__ import annotations

import difflib
from pathlib import Path

from synthetic_instruction_tuner.config.sources import hub_source
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.storage import plain
from synthetic_instruction_tuner.storage.files import sha256_of


def source_content(source: str) -> list[str]:
    """Return the hashes of the files of `generation.source`; of the Hub, what names its rows.

    Raises:
        ConfigurationError: If there is no such file or folder.
    """
    on_hub = hub_source(source)
    if on_hub is not None:
        return [f"hf:{one}" for one in on_hub if one is not None]
    path = Path(source).expanduser()
    if not path.exists():
        near = nearest_file(path)
        meant = f"; did you mean {near.name!r}?" if near else ""
        raise ConfigurationError(f"generation.source={source!r} does not exist{meant}")
    if not path.is_dir() and not path.is_file():
        raise ConfigurationError(f"generation.source={source!r} is {plain.describe(path)}")
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    return [sha256_of(one) for one in files]


def nearest_file(path: Path) -> Path | None:
    """Return the file beside a missing one whose name is most like it, if any is."""
    beside = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, beside, 1)
    return path.with_name(near[0]) if near else None


def benchmark_content(data_dir: str | None) -> str | dict[str, str] | None:
    """Return what determines the benchmark rows: the closed world, the Hub, or files' hashes.

    Raises:
        ConfigurationError: If `evaluation.data_dir` is not a folder.
    """
    if data_dir is None or data_dir == "sandbox":
        return data_dir
    folder = Path(data_dir).expanduser()
    if not folder.is_dir():
        raise ConfigurationError(
            f"evaluation.data_dir={data_dir!r} is not a folder; "
            "allowed: a folder, 'sandbox', or nothing for the Hub"
        )
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in files}
