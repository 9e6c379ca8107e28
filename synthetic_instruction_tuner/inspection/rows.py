"""A look into rows of one's own, before any study reads them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from synthetic_instruction_tuner.config.sources import ColumnsConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.generation.importing import import_row
from synthetic_instruction_tuner.generation.rows import BadRow, shape_of
from synthetic_instruction_tuner.generation.sources import read_rows
from synthetic_instruction_tuner.progress import Progress
from synthetic_instruction_tuner.records import Rejection, Sample

SHOWN = 3
REFUSED_SHOWN = 10
LOOKED_AT = 500
"""Rows that are read before a run starts: a source that is wrong as a whole shows at once."""
STEP = 1000


@dataclass
class RowsFound:
    """What a source holds.

    Attributes:
        read: Rows read.
        shapes: How many rows have which fields for what: {"question -> answer": 98}.
        reasons: How many rows are refused for which reason.
        refused: The first refused rows, with number and reason.
        samples: The first usable ones.
    """

    read: int = 0
    shapes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    refused: list[Rejection] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    @property
    def usable(self) -> int:
        """Rows that a study would take."""
        return self.read - self.reasons.total()

    def add(self, row: object, columns: ColumnsConfig) -> None:
        """Count one row."""
        result = import_row(f"row-{self.read}", self.read, row, columns)
        self.read += 1
        if isinstance(result, Rejection):
            self.reasons[result.rule] += 1
            self.refused += [result] * (len(self.refused) < REFUSED_SHOWN)
        else:
            self.samples += [result] * (len(self.samples) < SHOWN)
        if isinstance(row, Mapping):
            self.shapes[_shape(row, columns)] += 1


def look(
    source: str, columns: ColumnsConfig, progress: Progress, rows: int | None = None
) -> RowsFound:
    """Read a source as a study would, and count.

    Args:
        source: As `generation.source`.
        columns: As `generation.columns`.
        progress: Told every thousand rows.
        rows: Rows to look at; None: all.

    Raises:
        ConfigurationError: If it cannot be read.
    """
    found = RowsFound()
    for row in itertools.islice(read_rows(source), rows):
        found.add(row, columns)
        if found.read % STEP == 0:
            progress.update(found.read, found.read, "rows read")
    return found


def require_rows(source: str, columns: ColumnsConfig, progress: Progress) -> None:
    """Refuse a source whose first rows are all unusable, or that has none.

    Raises:
        ConfigurationError: Names the first row's fault.
    """
    found = look(source, columns, progress, LOOKED_AT)
    if found.read == 0:
        raise ConfigurationError(f"generation.source={source!r} has no rows")
    if found.usable == 0:
        first = found.refused[0]
        raise ConfigurationError(
            f"generation.source={source!r}: none of its first {found.read} rows is usable; row "
            f"{first.row['number']}: {first.rule}: {first.value}; expected {first.threshold}"
        )


def _shape(row: Mapping[str, object], columns: ColumnsConfig) -> str:
    try:
        return str(shape_of(row, columns))
    except BadRow:
        return "none of the known"
