"""Bring your own rows: `generation.source` instead of drawing, checked row by row."""

from __future__ import annotations

import logging
import math
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.config.sources import ColumnsConfig, hub_source
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.generation.row_files import Unreadable
from synthetic_instruction_tuner.generation.rows import RECOGNISED, BadRow, read_row
from synthetic_instruction_tuner.generation.sources import read_rows
from synthetic_instruction_tuner.generation.store import REJECTED, SAMPLES
from synthetic_instruction_tuner.progress import Progress
from synthetic_instruction_tuner.records import Message, Rejection, Sample, write_lines
from synthetic_instruction_tuner.storage.artifacts import Manifest
from synthetic_instruction_tuner.storage.files import digest
from synthetic_instruction_tuner.study.graph import Study

logger = logging.getLogger(__name__)

SHOWN = 3
"""Bad rows named in the log; all of them are written down."""
LONGEST_ROW = 1_000_000
"""Characters of an imported row: what rules take a second for. Drawn rows have token limits."""
WANTED = {"json": "one JSON object a line", "csv": "one cell for each column"}
DOMAIN = "general"
IMPORTED = "imported"


def import_rows(study: Study, progress: Progress) -> Manifest:
    """Read `generation.source` into samples and rejected rows, unless that was done.

    Every row ends as one or the other: rows in = samples + rejected. A row keeps its number as its
    index, so an index may be missing among the samples.

    Raises:
        ConfigurationError: If the source cannot be read, is empty, or no row of it is usable.
    """
    artifact = study.draws
    found = study.store.find(artifact)
    if found is not None:
        return found
    source = str(study.config.generation.source)
    columns = study.config.generation.columns
    started = time.monotonic()
    samples: list[Sample] = []
    rejected: list[Rejection] = []
    for index, row in enumerate(read_rows(source)):
        identity = digest({"draws": artifact.identity, "index": index})
        result = import_row(identity, index, row, columns)
        (samples if isinstance(result, Sample) else rejected).append(result)  # type: ignore[arg-type]
        if index % 1000 == 999:
            progress.update(index + 1, index + 1, "rows read")
    total = len(samples) + len(rejected)
    _check_any(source, samples, rejected)
    _tell(source, samples, rejected)
    with study.store.writing(artifact) as staging:
        write_lines(staging / SAMPLES, samples)
        write_lines(staging / REJECTED, rejected)
    progress.update(total, total, "rows read")
    facts = {
        "rows": total,
        "samples": len(samples),
        "rejected": len(rejected),
        "rules": dict(Counter(one.rule for one in rejected)),
        "source": name_of(source),
    }
    return study.store.commit(artifact, facts, time.monotonic() - started)


def name_of(source: str) -> str:
    """Return a source as tables and logs call it: a file's name, a data set on the Hub in full."""
    return source if hub_source(source) else Path(source).name


def _tell(source: str, samples: list[Sample], rejected: list[Rejection]) -> None:
    """Say which rows cannot be used, and what of the others will not be."""
    total = len(samples) + len(rejected)
    if rejected:
        logger.warning(
            "%d of %d rows of %s cannot be used (they lie with the rejected rows, with their "
            "reasons): %s",
            len(rejected),
            total,
            name_of(source),
            _named(rejected),
        )
    steered = sum(bool(one.system_prompt) for one in samples)
    if steered:
        logger.warning(
            "%d of %d rows of %s have a system prompt: it is kept beside the row, but neither "
            "trained on nor shown to those who answer",
            steered,
            total,
            name_of(source),
        )


def _named(rejected: list[Rejection]) -> str:
    """Name the first bad rows and what is wrong with them."""
    shown = [f"row {one.row['number']}: {one.rule}: {one.value}" for one in rejected[:SHOWN]]
    return "; ".join(shown) + (f"; and {len(rejected) - SHOWN} more" if rejected[SHOWN:] else "")


def import_row(
    identity: str, index: int, row: Any, columns: ColumnsConfig = RECOGNISED
) -> Sample | Rejection:
    """Turn a raw row into a sample, or say why it cannot be one.

    Args:
        identity: Id of the sample.
        index: Place in the source, from 0.
        row: What the source held.
        columns: Which of its fields is what.
    """
    try:
        if isinstance(row, Unreadable):
            raise BadRow(row.rule, row.problem, WANTED.get(row.rule, "a shorter row"))
        system, messages = read_row(row, columns)
        characters = len(system) + sum(len(one["content"]) for one in messages)
        if characters > LONGEST_ROW:
            raise BadRow("size", f"{characters} characters", f"at most {LONGEST_ROW} characters")
    except BadRow as problem:
        raw = row.text if isinstance(row, Unreadable) else _plain(row)
        return Rejection(
            id=identity,
            stage="generation",
            rule=problem.rule,
            value=_plain(problem.value),
            threshold=problem.expected,
            row={"number": index + 1, "raw": raw},
        )
    domain = row.get(columns.domain or "domain")
    return _sample(identity, index, system, messages, domain)


def _sample(
    identity: str, index: int, system: str, messages: list[Message], domain: object
) -> Sample:
    return Sample(
        id=identity,
        index=index,
        domain=domain if isinstance(domain, str) and domain else DOMAIN,
        system_prompt=system,
        instruction=messages[0]["content"],
        response=messages[1]["content"],
        instruction_finish=IMPORTED,
        response_finish=IMPORTED,
        messages=tuple(messages) if len(messages) > 2 else (),
        instruction_raw=messages[0]["content"],
    )


def _check_any(source: str, samples: list[Sample], rejected: list[Rejection]) -> None:
    if samples:
        return
    if not rejected:
        raise ConfigurationError(f"generation.source={source!r} has no rows")
    first = rejected[0]
    raise ConfigurationError(
        f"generation.source={source!r}: none of {len(rejected)} rows is usable; row "
        f"{first.row['number']}: {first.rule}: {first.value}; expected {first.threshold}"
    )


def _plain(value: object) -> Any:
    """Turn any value of a rejected row into one that JSON can hold, broken Unicode included."""
    if isinstance(value, str):
        return value.encode("utf-8", errors="backslashreplace").decode()
    if isinstance(value, Mapping):
        return {str(_plain(str(key))): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, (int, float, bool, type(None))) else str(value)
