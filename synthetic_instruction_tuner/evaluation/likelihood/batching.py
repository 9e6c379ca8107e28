"""Requests to score by likelihood, and how they stand side by side."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from synthetic_instruction_tuner.errors import StageError

MIN_PREFIX = 8
"""Shortest common prefix, in tokens, that is worth a forward pass of its own."""


class Request(NamedTuple):
    """A continuation to score after its context, both as tokens."""

    context: tuple[int, ...]
    continuation: tuple[int, ...]


class Answer(NamedTuple):
    """Log-probability of a continuation, and whether greedy decoding would have produced it."""

    logprob: float
    greedy: bool


@dataclass
class Item:
    """Requests with the same context.

    Attributes:
        continuations: Continuation and the place of its request.
    """

    context: tuple[int, ...]
    continuations: list[tuple[tuple[int, ...], int]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows of the third level: continuations that one position cannot score."""
        return sum(len(tokens) > 1 for tokens, _ in self.continuations)


class Batch(NamedTuple):
    """Items scored side by side, after a common prefix of so many tokens."""

    prefix: tuple[int, ...]
    items: tuple[Item, ...]


def truncate(request: Request, limit: int) -> Request:
    """Cut a request on the left to the length limit, as lm-evaluation-harness does.

    Raises:
        StageError: If the continuation alone is too long.
    """
    if len(request.continuation) > limit:
        raise StageError(
            f"a choice has {len(request.continuation)} tokens, more than the {limit} that "
            "evaluation.max_length leaves; raise evaluation.max_length"
        )
    kept = limit + 1 - len(request.continuation)
    return Request(request.context[-kept:], request.continuation)


def plan(
    requests: Sequence[Request],
    limit: int,
    batch_size: int,
    only: Collection[int] | None = None,
) -> list[Batch]:
    """Arrange the requests of one task in batches.

    Args:
        requests: Requests of items that may share a prefix.
        limit: Longest request in tokens.
        batch_size: Rows side by side.
        only: Places of the requests to score, behind the prefix of all; None: all of them.

    Returns:
        Batches, the longest items first, so that memory trouble shows early. The plan depends on
        the requests only, so a resumed evaluation scores the same batches.
    """
    items: dict[tuple[int, ...], Item] = {}
    cut: set[tuple[int, ...]] = set()
    for place, request in enumerate(requests):
        kept = truncate(request, limit)
        item = items.setdefault(kept.context, Item(kept.context))
        if only is None or place in only:
            item.continuations.append((kept.continuation, place))
        if kept.context != request.context:
            cut.add(kept.context)
    whole = [item for context, item in items.items() if context not in cut]
    rest = [item for context, item in items.items() if context in cut]
    prefix = common_prefix([item.context for item in whole])
    return [
        batch
        for shared, group in ((prefix, whole), ((), rest))
        for batch in _batches(shared, [one for one in group if one.continuations], batch_size)
    ]


def common_prefix(contexts: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the prefix that all contexts share, at least one token shorter than each of them."""
    if len(contexts) < 2:
        return ()
    first, last = min(contexts), max(contexts)
    length = 0
    longest = min(len(context) for context in contexts) - 1
    while length < longest and first[length] == last[length]:
        length += 1
    return first[:length] if length >= MIN_PREFIX else ()


def _batches(prefix: tuple[int, ...], items: Sequence[Item], size: int) -> list[Batch]:
    batches: list[Batch] = []
    current: list[Item] = []
    for item in sorted(items, key=lambda one: (-len(one.context), one.context)):
        rows = sum(max(one.rows, 1) for one in current) + max(item.rows, 1)
        if current and rows > size:
            batches.append(Batch(prefix, tuple(current)))
            current = []
        current.append(item)
    return [*batches, Batch(prefix, tuple(current))] if current else batches
