"""Batches of similar lengths under a token budget, derived from the rows alone."""

from __future__ import annotations

from collections.abc import Sequence


def token_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Group rows so that little is padding: longest first, each batch at most `budget` tokens.

    The same lengths give the same batches, so a resumed run forms the very batches of an
    undisturbed one, and the rounding of the arithmetic with them. Longest first, so that what does
    not fit into memory shows at the start.

    Args:
        lengths: Tokens of each row.
        budget: Tokens of a batch, padding included; a longer row is a batch of its own.

    Returns:
        Row positions by batch; each row is in exactly one.
    """
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    batches: list[list[int]] = []
    width = 0
    for row in order:
        if batches and (len(batches[-1]) + 1) * width <= budget:
            batches[-1].append(row)
        else:
            batches.append([row])
            width = lengths[row]
    return batches


def padding_share(lengths: Sequence[int], batches: Sequence[Sequence[int]]) -> float:
    """Return the share of padding among all tokens computed, 0..1."""
    computed = sum(len(batch) * max(lengths[row] for row in batch) for batch in batches)
    return 1 - sum(lengths) / computed if computed else 0.0
