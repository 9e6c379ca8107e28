"""Files with votes, as raters and their spreadsheets save them.

A spreadsheet writes semicolons where the decimal mark is a comma, tabs as "Unicode text", and that
in UTF-16; raters write their own name differently from one file to the next.
"""

from __future__ import annotations

import codecs
import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import cast

from synthetic_instruction_tuner.analysis.human import CHOICES, Choice, Sides, Vote
from synthetic_instruction_tuner.errors import ConfigurationError

COLUMNS = {"pair", "vote", "rater"}
DELIMITERS = ",;\t"


def read_votes(paths: Iterable[Path], key: Mapping[str, Sides]) -> list[Vote]:
    """Read filled-in CSV files (from the page's button, or `pairs.csv` with votes).

    Args:
        paths: Files with the columns pair, vote (left, right, tie; empty: not voted) and rater.
        key: The key of the export that the votes belong to.

    Returns:
        Votes without repetitions; two different votes of one rater on one pair are an error.
    """
    votes: dict[tuple[str, str], Vote] = {}
    for path in paths:
        for where, row in _rows(path):
            vote = _vote(row, key, where)
            if vote is None:
                continue
            known = votes.setdefault((vote.rater, vote.pair), vote)
            if known != vote:
                raise ConfigurationError(f"{where}: {vote.rater} voted otherwise before")
    return list(votes.values())


def _rows(path: Path) -> Iterator[tuple[str, Mapping[str, str | None]]]:
    """Read the rows of a table with votes, and say where each one stands."""
    try:
        text = _text(path)
        for delimiter in DELIMITERS:
            rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
            rows.fieldnames = [one.strip().lower() for one in rows.fieldnames or ()]
            if set(rows.fieldnames) >= COLUMNS:
                for row in rows:
                    yield f"{path}:{rows.line_num}", row
                return
    except (OSError, csv.Error) as error:
        raise ConfigurationError(f"{path} is no CSV of votes: {error}") from error
    raise ConfigurationError(
        f"{path} lacks the columns pair, vote, rater (between commas, semicolons or tabs); "
        f"its first line is {text.partition(chr(10))[0][:80]!r}"
    )


def _text(path: Path) -> str:
    """Decode a file in UTF-8, or in UTF-16 if it begins as such.

    Raises:
        ConfigurationError: If it is in another encoding.
    """
    raw = path.read_bytes()
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return raw.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f'{path} is neither UTF-8 nor UTF-16 ({error}); save it again as "CSV UTF-8"'
        ) from error


def _name(rater: str) -> str:
    """Return a rater's name as it is compared: " Ann" and "ann" are one rater."""
    return " ".join(unicodedata.normalize("NFKC", rater).casefold().split())


def _vote(row: Mapping[str, str | None], key: Mapping[str, Sides], where: str) -> Vote | None:
    pair, choice, rater = ((row[name] or "").strip() for name in ("pair", "vote", "rater"))
    if not choice:
        return None
    if pair not in key:
        raise ConfigurationError(f"{where}: pair {pair!r} is not of this export")
    if choice.lower() not in CHOICES:
        raise ConfigurationError(f"{where}: vote {choice!r}; allowed: {', '.join(CHOICES)}")
    if not rater:
        raise ConfigurationError(f"{where}: the rater's name is missing")
    return Vote(pair, cast(Choice, choice.lower()), _name(rater))
