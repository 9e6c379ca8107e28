"""Drawing one token a row with a random stream that belongs to the row alone.

The Gumbel-max trick: argmax(logits / T - log E) with E ~ Exp(1) independent for every token draws
from softmax(logits / T). E comes from a counter-based generator, a hash of (seed, step, token id),
so a row needs no state, no order and no neighbours, and the same integers come out on every
machine. (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".)
"""

from __future__ import annotations

from typing import Any

_GOLDEN = 0x9E3779B97F4A7C15  # 2**64 / golden ratio: steps of a Weyl sequence


def _signed(value: int, bits: int) -> int:
    """Return the two's complement reading of an unsigned number."""
    return value - (1 << bits) if value >> (bits - 1) else value


def mix64(value: int) -> int:
    """Mix 64 bits (the finaliser of splitmix64, Steele, Lea and Flood 2014)."""
    value &= (1 << 64) - 1
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & ((1 << 64) - 1)
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & ((1 << 64) - 1)
    return value ^ (value >> 31)


def step_keys(seed: int, step: int) -> tuple[int, int]:
    """Return two signed 32-bit keys for a row's step; distinct steps give unrelated keys."""
    key = mix64(mix64(seed) + step * _GOLDEN)
    return _signed(key & 0xFFFFFFFF, 32), _signed(key >> 32, 32)


def hash32(keys: Any, tokens: Any) -> Any:
    """Hash keys and token ids to 32 bits.

    Args:
        keys: int32 tensor of shape (rows, 2) from `step_keys`.
        tokens: int32 tensor of shape (vocabulary,).

    Returns:
        int32 tensor of shape (rows, vocabulary), uniform over all 2**32 values.
    """
    first, second = keys[:, :1], keys[:, 1:]
    value = _mix32(tokens[None, :] * _signed(0x9E3779B9, 32) ^ first)
    return _mix32(value + second)


def _mix32(value: Any) -> Any:
    """Mix 32 bits (lowbias32, Wellons 2018, https://nullprogram.com/blog/2018/07/31/).

    torch shifts signed integers arithmetically, so the sign bits are masked away.
    """
    value = value ^ ((value >> 16) & 0xFFFF)
    value = value * 0x7FEB352D
    value = value ^ ((value >> 15) & 0x1FFFF)
    value = value * _signed(0x846CA68B, 32)
    return value ^ ((value >> 16) & 0xFFFF)


def exponentials(keys: Any, tokens: Any) -> Any:
    """Return Exp(1) noise, float32 of shape (rows, vocabulary).

    u = (h + 1/2) / 2**32 keeps its full resolution near 0, which is where the winning, smallest
    values of -log(1 - u) lie.
    """
    import torch

    unsigned = hash32(keys, tokens).to(torch.float32)
    uniform = torch.where(unsigned < 0, unsigned + 4294967296.0, unsigned)
    return -torch.log1p(-(uniform + 0.5) * 2.0**-32)


def draw(logits: Any, keys: Any, temperature: Any, top_p: Any, tokens: Any) -> Any:
    """Draw one token a row.

    Args:
        logits: Float32 of shape (rows, vocabulary); banned tokens are -inf.
        keys: int32 of shape (rows, 2), see `step_keys`.
        temperature: Float32 of shape (rows, 1); 0 takes the likeliest token.
        top_p: Float32 of shape (rows, 1), or None if no row cuts its tail.
        tokens: int32 token ids 0..vocabulary-1.

    Returns:
        int64 of shape (rows,); -1 where the logits are not numbers.
    """
    import torch

    greedy = temperature == 0
    scores = logits
    if not bool(greedy.all()):
        scaled = logits / torch.where(greedy, 1.0, temperature)
        if top_p is not None:
            scaled = cut_tail(scaled, top_p)
        noise = torch.log(exponentials(keys, tokens))
        scores = torch.where(greedy, logits, scaled - noise)
    best, drawn = scores.max(dim=-1)
    return torch.where(best.isnan(), -1, drawn)


def cut_tail(logits: Any, top_p: Any) -> Any:
    """Keep the smallest set of likeliest tokens whose probability reaches top_p (nucleus).

    Args:
        logits: Shape (rows, vocabulary).
        top_p: Shape (rows, 1).
    """
    ordered, where = logits.sort(dim=-1, descending=True, stable=True)
    probability = ordered.softmax(dim=-1)
    before = probability.cumsum(dim=-1) - probability
    cut = before >= top_p
    cut[:, 0] = False
    return logits.masked_fill(cut.scatter(1, where, cut), float("-inf"))
