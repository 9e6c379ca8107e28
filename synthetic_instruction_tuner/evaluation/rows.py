"""The row shapes of the public data sets, checked field by field before anything is scored."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.storage.files import digest

Row = dict[str, Any]
Check = Callable[[Any], bool]


class Field(NamedTuple):
    """A field of a row: what it must be, in code and in words."""

    name: str
    allowed: str
    check: Check


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _any_text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) >= 2 and all(_text(one) for one in value)


def _four_texts(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 4 and all(isinstance(v, str) for v in value)


def _labelled(value: Any) -> bool:
    """ARC's choices: parallel lists of texts and labels."""
    if not isinstance(value, Mapping) or not _texts(value.get("text")):
        return False
    labels = value.get("label")
    return isinstance(labels, list) and len(labels) == len(value["text"]) == len(set(labels))


def _targets(value: Any) -> bool:
    """TruthfulQA's targets: parallel lists of choices and 0/1 labels with both kinds."""
    if not isinstance(value, Mapping) or not _texts(value.get("choices")):
        return False
    labels = value.get("labels")
    return (
        isinstance(labels, list) and len(labels) == len(value["choices"]) and set(labels) == {0, 1}
    )


def _first_is_true(value: Any) -> bool:
    return _targets(value) and value["labels"][0] == 1 and sum(value["labels"]) == 1


def _index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 3


_FOUR = "a list of four texts"
_MC1 = "{choices, labels} of equal length, the first choice true and no other"

SHAPES: Mapping[str, tuple[Field, ...]] = {
    "mmlu": (
        Field("question", "a text", _text),
        Field("choices", _FOUR, _four_texts),
        Field("answer", "a number from 0 to 3", _index),
    ),
    "hellaswag": (
        Field("activity_label", "a text", _any_text),
        Field("ctx_a", "a text", _any_text),
        Field("ctx_b", "a text (may be empty)", _any_text),
        Field("endings", _FOUR, _four_texts),
        Field("label", 'one of "0", "1", "2", "3"', lambda v: v in ("0", "1", "2", "3")),
    ),
    "arc": (
        Field("question", "a text", _text),
        Field("choices", "{text, label}: lists of equal length, labels distinct", _labelled),
        Field("answerKey", "a label of choices.label", _text),
    ),
    "truthfulqa": (
        Field("question", "a text", _text),
        Field("mc1_targets", _MC1, _first_is_true),
        Field("mc2_targets", "{choices, labels} of equal length, labels 0 and 1", _targets),
    ),
    "ifeval": (
        Field("key", "a number", lambda v: isinstance(v, int)),
        Field("prompt", "a text", _text),
        Field("instruction_id_list", "a list", lambda v: isinstance(v, list) and bool(v)),
        Field("kwargs", "a list", lambda v: isinstance(v, list)),
    ),
}
"""Fields by shape, as the data sets on the Hub have them."""

QUESTIONS: Mapping[str, Callable[[Row], str]] = {
    "mmlu": lambda row: "\n".join([row["question"], *row["choices"]]),
    "hellaswag": lambda row: f"{row['ctx_a']} {row['ctx_b']}".strip(),
    "arc": lambda row: str(row["question"]),
    "truthfulqa": lambda row: str(row["question"]),
    "ifeval": lambda row: str(row["prompt"]),
}
"""The text of an item by shape: what training data must not contain."""


def find_fault(row: Any, shape: str) -> str | None:
    """Say what is wrong with a row, or return None."""
    if not isinstance(row, dict):
        return "is not an object"
    for name, allowed, check in SHAPES[shape]:
        if name not in row:
            return f"has no field {name!r} ({allowed})"
        if not _passes(check, row[name]):
            return f"has {name}={_shown(row[name])}; allowed: {allowed}"
    if shape == "arc" and row["answerKey"] not in row["choices"]["label"]:
        return f"has answerKey={row['answerKey']!r}; allowed: {row['choices']['label']}"
    try:
        _line(row).encode()
    except (TypeError, ValueError, RecursionError) as error:  # dates, bytes, half a character
        return f"cannot be written as JSON: {error}"
    return None


def _passes(check: Check, value: Any) -> bool:
    try:
        return check(value)
    except TypeError:  # lists of what does not compare
        return False


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def read_rows(path: Path, shape: str | None = None) -> list[Row]:
    """Read rows from JSON lines or parquet, and check each one.

    Args:
        path: The file.
        shape: Row shape to check; None: any object.

    Raises:
        ConfigurationError: If the file holds no rows or a wrong one; names file, row and field.
    """
    rows = []
    for number, row in enumerate(_raw_rows(path), start=1):
        fault = find_fault(row, shape) if shape else None
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
