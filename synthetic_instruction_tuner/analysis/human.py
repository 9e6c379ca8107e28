"""People compare answers blindly: pairs on one local page, votes back as CSV, win rates from them.

Which model wrote which answer stands in a key that is kept from the raters; sides and order come
from hashes, so that exporting twice gives the same page.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Literal

from synthetic_instruction_tuner.analysis.statistics import wilson_interval
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.storage import plain
from synthetic_instruction_tuner.storage.files import digest, write_bytes, write_json
from synthetic_instruction_tuner.text import spreadsheet_cell

Choice = Literal["left", "right", "tie"]
CHOICES: tuple[Choice, ...] = ("left", "right", "tie")
RATERS, KEY = "for-raters", "key.json"


@dataclass(frozen=True)
class Transcript:
    """One prompt with the answer of each model."""

    item: str
    prompt: str
    answers: Mapping[str, str]


@dataclass(frozen=True)
class Pair:
    """Two answers as a rater sees them."""

    id: str
    prompt: str
    left: str
    right: str


@dataclass(frozen=True)
class Sides:
    """Who stands on which side of a pair: one entry of the key."""

    item: str
    left: str
    right: str


@dataclass(frozen=True)
class Vote:
    """One rater's choice on one pair."""

    pair: str
    choice: Choice
    rater: str


@dataclass(frozen=True)
class WinRate:
    """How often one model's answer was preferred to another's.

    Attributes:
        wins: Items on which most raters preferred `model`; ties are items without a majority.
        rate: wins / (wins + losses); None if no item was decided.
        low: Lower limit of the Wilson interval of the rate, `high` the upper one.
        agreement: Share of two raters' votes on the same pair that are equal; None if every pair
            has one rater.
    """

    model: str
    opponent: str
    wins: int
    losses: int
    ties: int
    rate: float | None
    low: float | None
    high: float | None
    votes: int
    raters: int
    agreement: float | None


def blind(transcripts: Iterable[Transcript], seed: int) -> tuple[list[Pair], dict[str, Sides]]:
    """Pair the answers of every two models on every prompt.

    Answers that are equal to the letter are no pair: there is nothing to choose. Of the pairs of
    two models each model is on the left of one half, because people favour a side.

    Returns:
        Pairs in mixed order, and the key by pair id.
    """
    pairs: list[Pair] = []
    key: dict[str, Sides] = {}
    for models, drawn in _matches(transcripts, seed).items():
        for position, (name, one) in enumerate(drawn):
            left, right = models if position % 2 else models[::-1]
            pair = Pair(name, one.prompt, one.answers[left], one.answers[right])
            if pair.id in key:
                raise ConfigurationError(f"item {one.item!r} occurs twice among the transcripts")
            pairs.append(pair)
            key[pair.id] = Sides(one.item, left, right)
    return sorted(pairs, key=lambda pair: pair.id), key


def _matches(
    transcripts: Iterable[Transcript], seed: int
) -> dict[tuple[str, str], list[tuple[str, Transcript]]]:
    """Return by two models the ids and transcripts of their pairs, in an order that tells nothing.

    The order must not be that of the ids, which raters see: it decides on the sides.
    """
    found: dict[tuple[str, str], list[tuple[str, Transcript]]] = {}
    for one in transcripts:
        for first, second in combinations(sorted(one.answers), 2):
            if one.answers[first] != one.answers[second]:
                name = digest([seed, one.item, first, second])
                found.setdefault((first, second), []).append((name, one))
    return {
        models: [(name[:16], one) for name, one in sorted(drawn, key=lambda pair: pair[0][::-1])]
        for models, drawn in found.items()
    }


def export_pairs(folder: Path, transcripts: Iterable[Transcript], seed: int, title: str) -> None:
    """Write `for-raters/pairs.html` and `pairs.csv`, and `key.json`, which raters must not see.

    Args:
        folder: Where the files go; `for-raters` in it is what raters get.
        transcripts: Prompts with the answers of the models to compare.
        seed: Decides on sides and order.
        title: Title of the page.
    """
    pairs, key = blind(transcripts, seed)
    if not pairs:
        raise ConfigurationError("no two models answered a prompt differently: nothing to compare")
    if (folder / KEY).exists() and read_key(folder / KEY) != key:  # votes on it may still come
        raise ConfigurationError(f"{folder} holds another export; move it away first")
    write_bytes(folder / RATERS / "pairs.html", _page(pairs, title).encode())
    write_bytes(folder / RATERS / "pairs.csv", _table(pairs).encode())
    write_json(folder / KEY, {name: asdict(sides) for name, sides in key.items()})


def _page(pairs: Sequence[Pair], title: str) -> str:
    from jinja2 import Environment, StrictUndefined

    source = files(__package__).joinpath("human.html").read_text(encoding="utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(source)
    return template.render(
        pairs=pairs, title=title, digest=digest([pair.id for pair in pairs])[:16]
    )


def _table(pairs: Sequence[Pair]) -> str:
    """Write the pairs as CSV with empty columns for vote and rater.

    Cells that a spreadsheet would run as a formula get an apostrophe in front (OWASP, CSV
    injection); all are quoted, as a carriage return in one would end the row.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["pair", "prompt", "left", "right", "vote", "rater"])
    for pair in pairs:
        writer.writerow(
            [pair.id, *map(spreadsheet_cell, (pair.prompt, pair.left, pair.right)), "", ""]
        )
    return buffer.getvalue()


def read_key(path: Path) -> dict[str, Sides]:
    """Read the key of an export."""
    try:
        rows = json.loads(plain.read(path))
        return {name: Sides(**row) for name, row in rows.items()}
    except (OSError, ValueError, RecursionError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{path} is no key of an export: {error}") from error


def win_rates(
    votes: Sequence[Vote], key: Mapping[str, Sides], alpha: float = 0.05
) -> list[WinRate]:
    """Turn votes into win rates; the unit is an item, decided by the majority of its raters.

    Args:
        votes: What raters chose.
        key: Who stood on which side.
        alpha: 1 - coverage of the intervals.

    Returns:
        One entry for each two models that were voted on, models in alphabetical order.
    """
    matches: dict[tuple[str, str], list[Vote]] = {}
    for vote in votes:
        sides = key[vote.pair]
        first, second = sorted((sides.left, sides.right))
        matches.setdefault((first, second), []).append(vote)
    return [_win_rate(*models, matches[models], key, alpha) for models in sorted(matches)]


def _win_rate(
    model: str, opponent: str, votes: Sequence[Vote], key: Mapping[str, Sides], alpha: float
) -> WinRate:
    by_pair: dict[str, list[Choice]] = {}
    for vote in votes:
        by_pair.setdefault(vote.pair, []).append(vote.choice)
    results = Counter(
        _result(choices, key[pair].left == model) for pair, choices in by_pair.items()
    )
    wins, losses = results["win"], results["loss"]
    low, high = wilson_interval(wins, wins + losses, alpha) if wins + losses else (None, None)
    return WinRate(
        model,
        opponent,
        wins,
        losses,
        results["tie"],
        wins / (wins + losses) if wins + losses else None,
        low,
        high,
        len(votes),
        len({vote.rater for vote in votes}),
        _agreement(by_pair.values()),
    )


def _result(choices: Sequence[Choice], on_left: bool) -> Literal["win", "loss", "tie"]:
    """Decide one item: the side with more votes; no side if they are equal."""
    left, right = choices.count("left"), choices.count("right")
    if left == right:
        return "tie"
    return "win" if (left > right) == on_left else "loss"


def _agreement(choices: Iterable[Sequence[Choice]]) -> float | None:
    equal = [one == other for some in choices for one, other in combinations(some, 2)]
    return sum(equal) / len(equal) if equal else None
