"""What a study is given from outside: raw rows and benchmark data, known by their content."""

from __future__ import annotations

from pathlib import Path

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.storage import plain
from synthetic_instruction_tuner.storage.files import sha256_of


def source_content(source: str) -> list[str]:
    """Return the hashes of the files of `generation.source`.

    Raises:
        ConfigurationError: If there is no such file or folder.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise ConfigurationError(f"generation.source={source!r} does not exist")
    if not path.is_dir() and not path.is_file():
        raise ConfigurationError(f"generation.source={source!r} is {plain.describe(path)}")
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    return [sha256_of(one) for one in files]


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
