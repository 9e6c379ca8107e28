"""Raw rows in files: JSON, JSON lines, CSV, TSV, parquet, each also compressed with gzip."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, cast

from synthetic_instruction_tuner.errors import ConfigurationError

GZIP = ".gz"
LARGEST_JSON = 2 << 30
"""Bytes of a JSON file, unpacked: it is read as a whole, unlike the other kinds."""
LONGEST_LINE = 16 << 20
"""Bytes of a line, which may be all of an archive that a few bytes unpack to."""
LONGEST_CELL = 4_000_000
DELIMITERS = ",;\t"


class Unreadable:
    """A line that is no row; it stands in for the row, so that numbers stay right."""

    def __init__(self, text: str, problem: str, rule: str = "json") -> None:
        self.text, self.problem, self.rule = text, problem, rule


def kind_of(path: Path) -> str:
    """Return the suffix that says what a file holds: ".csv" for rows.csv and rows.csv.gz."""
    return Path(path.stem).suffix.lower() if path.suffix == GZIP else path.suffix.lower()


def read_file(path: Path) -> Iterator[object]:
    """Yield the rows of one file, in order.

    Raises:
        ConfigurationError: If it is of no known kind, or cannot be read at all.
    """
    try:
        yield from READERS[kind_of(path)](path)
    except (gzip.BadGzipFile, EOFError) as error:
        raise ConfigurationError(
            f"generation.source={str(path)!r} is no whole gzip file: {error}"
        ) from error


def _open(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path) if path.suffix == GZIP else path.open("rb"))


def _json(path: Path) -> Iterator[object]:
    with _open(path) as file:
        content = file.read(LARGEST_JSON + 1)
    if len(content) > LARGEST_JSON:
        raise ConfigurationError(
            f"generation.source={str(path)!r} is JSON of more than {LARGEST_JSON >> 30} GiB; "
            "write it as JSON lines"
        )
    try:
        rows = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        if _holds_lines(content):
            yield from _lines(path)
            return
        raise ConfigurationError(f"generation.source={str(path)!r} is not JSON: {error}") from error
    if isinstance(rows, dict) and isinstance(rows.get("data"), list):
        rows = rows["data"]
    if not isinstance(rows, list):
        raise ConfigurationError(
            f'generation.source={str(path)!r} must hold a list of rows, or one under "data", got '
            f"{type(rows).__name__}"
        )
    yield from rows


def _holds_lines(content: bytes) -> bool:
    """Tell whether a file holds JSON lines, whatever its name says (`Dataset.to_json` does so)."""
    first = content.partition(b"\n")[0].decode("utf-8-sig", errors="replace")
    try:
        return isinstance(json.loads(first), dict)
    except (ValueError, RecursionError):
        return False


def _lines(path: Path) -> Iterator[object]:
    with _open(path) as file:
        for number, whole in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b"")):
            if len(whole) > LONGEST_LINE:
                while whole and not whole.endswith(b"\n"):
                    whole = file.readline(LONGEST_LINE)
                yield Unreadable("", f"a line of more than {LONGEST_LINE >> 20} MiB", "size")
                continue
            line = whole if number else whole.removeprefix(codecs.BOM_UTF8)
            if not line.strip():
                continue
            try:
                yield json.loads(line.decode("utf-8"))
            except (ValueError, RecursionError) as error:
                text = line.decode("utf-8", errors="replace").rstrip("\n")
                yield Unreadable(text[:500], str(error))


def _table(path: Path) -> Iterator[object]:
    """Read CSV or TSV with a line of names; what a spreadsheet separates with ";" is CSV, too."""
    csv.field_size_limit(LONGEST_CELL)
    with io.TextIOWrapper(_open(path), encoding="utf-8-sig", newline="") as text:
        try:
            head = text.readline(LONGEST_LINE)
            rest = csv.reader(text, delimiter=_delimiter(head, kind_of(path)), strict=True)
            names = next(csv.reader([head], delimiter=_delimiter(head, kind_of(path))), [])
            yield from _records(names, rest, path)
        except UnicodeDecodeError as error:
            raise ConfigurationError(
                f"generation.source={str(path)!r} is not UTF-8 ({error.reason}); save it as UTF-8"
            ) from error


def _delimiter(head: str, kind: str) -> str:
    return "\t" if kind == ".tsv" else max(DELIMITERS, key=head.count)


def _records(names: list[str], lines: Iterator[list[str]], path: Path) -> Iterator[object]:
    names = [name.strip() for name in names]
    if not any(names) or len(set(names)) < len(names):
        raise ConfigurationError(
            f"generation.source={str(path)!r}: the first line must name the columns, each once, "
            f"got {names}"
        )
    while True:
        try:
            cells = next(lines)
        except StopIteration:
            return
        except csv.Error as error:
            yield Unreadable("", str(error), "csv")
            continue
        if len(cells) == len(names):
            yield dict(zip(names, cells, strict=True))
        elif cells:
            problem = f"{len(cells)} cells where the first line names {len(names)} columns"
            yield Unreadable(",".join(cells)[:500], problem, "csv")


def _parquet(path: Path) -> Iterator[object]:
    import pyarrow
    from pyarrow import parquet

    try:
        with _open(path) as file:
            whole = pyarrow.BufferReader(file.read()) if path.suffix == GZIP else path
            for batch in parquet.ParquetFile(whole).iter_batches(batch_size=4096):
                yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        raise ConfigurationError(
            f"generation.source={str(path)!r} is not readable parquet: {error}"
        ) from error


READERS: Mapping[str, Callable[[Path], Iterator[object]]] = {
    ".json": _json,
    ".jsonl": _lines,
    ".ndjson": _lines,
    ".csv": _table,
    ".tsv": _table,
    ".parquet": _parquet,
}
