"""What the pages show, read through the results of `open_study` and kept for half a minute."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast

from synthetic_instruction_tuner.results.study import StudyResults

if TYPE_CHECKING:
    import pandas

SECONDS = 30.0
"""How long a table is kept: a study that runs shows what is new after that."""
PAGE = 25
"""Rows a page."""
Row = Mapping[Hashable, object]


class Page(NamedTuple):
    """Some rows of a table.

    Attributes:
        number: From one.
        last: Number of the last page.
        total: Rows in all.
    """

    rows: Sequence[Row]
    number: int
    last: int
    total: int


class Tables:
    """The tables of a study, each read at most once in `SECONDS`.

    Args:
        results: The study.
        clock: Seconds.
    """

    def __init__(self, results: StudyResults, clock: Callable[[], float] = time.monotonic) -> None:
        self.results = results
        self._clock = clock
        self._held: dict[str, tuple[float, pandas.DataFrame]] = {}
        self._lock = threading.Lock()

    def read(self, name: str) -> pandas.DataFrame:
        """Return a table by the name of its method.

        Raises:
            StageError: If it is not there yet.
        """
        with self._lock:
            now = self._clock()
            if name not in self._held or now - self._held[name][0] > SECONDS:
                self._held[name] = (now, getattr(self.results, name)())
            return self._held[name][1]


def where(table: pandas.DataFrame, mask: pandas.Series[bool]) -> pandas.DataFrame:
    """Return the rows of a table for which a mask holds."""
    return cast("pandas.DataFrame", table[mask])


def page_of(table: pandas.DataFrame, number: int) -> Page:
    """Cut one page out of a table; numbers beyond its ends are the first and the last page."""
    last = max(1, -(-len(table) // PAGE))
    number = min(max(number, 1), last)
    part = cast("pandas.DataFrame", table.iloc[(number - 1) * PAGE : number * PAGE])
    return Page(part.to_dict("records"), number, last, len(table))


def containing(table: pandas.DataFrame, words: str, columns: Sequence[str]) -> pandas.DataFrame:
    """Return the rows of which one of these columns holds some words, capitals or not."""
    import pandas

    if not words:
        return table
    held = [[str(one).lower() for one in table[name]] for name in columns if name in table]
    wanted = words.lower()
    hits = [any(wanted in text for text in row) for row in zip(*held, strict=True)]
    return where(table, pandas.Series(hits, index=table.index, dtype=bool))


def items_of(table: pandas.DataFrame, benchmark: str, differing: bool) -> pandas.DataFrame:
    """Return one row an item of a benchmark: its texts, and every model's score in a column.

    Args:
        table: `StudyResults.items`.
        benchmark: Its key.
        differing: Whether items are left out that all models answer equally well.
    """
    own = where(table, (table["benchmark"] == benchmark) & table["counts"])
    scores = own.pivot_table(index="item", columns="model", values="score", aggfunc="first")
    scores = scores[list(dict.fromkeys(own["model"]))]
    if differing:
        scores = where(scores, scores.nunique(axis=1) > 1)
    texts = own.drop_duplicates("item").set_index("item")[["group", "prompt", "target"]]
    joined: pandas.DataFrame = texts.join(scores, how="inner").reset_index()
    return joined


def text(value: object) -> str:
    """Write a value for people; structures as JSON, what is missing as a dash."""
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (dict, list, tuple)):
        return json.dumps(value, ensure_ascii=False, indent=1)
    return str(value)
