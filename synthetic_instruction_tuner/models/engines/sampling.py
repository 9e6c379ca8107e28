"""Drawing one token a row with a random stream that belongs to the row alone.

The Gumbel-max trick: with E ~ Exp(1) independent for every token, argmax(logits / T - log E) draws
from softmax(logits / T), and so does argmax(logits - T log E), which at T = 0 is the greedy choice.
E comes from a counter-based generator, a hash of (seed, step, token id), so a row needs no state,
no order and no neighbours, and the same integers come out on every machine. (Salmon et al. 2011,
"Parallel random numbers: as easy as 1, 2, 3".)
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

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
    """Return two signed 32-bit keys for a row's step, the second odd."""
    key = mix64(mix64(seed) + step * _GOLDEN)
    return _signed(key & 0xFFFFFFFF, 32), _signed(key >> 32 | 1, 32)


@lru_cache(maxsize=4)
def token_table(size: int, device: torch.device) -> torch.Tensor:
    """Return a mixed 32-bit word for every token id, int32 of shape (vocabulary,)."""
    import torch

    ids = torch.arange(size, dtype=torch.int32, device=device)
    return _mix32(ids * _signed(0x9E3779B9, 32))


def hash32(keys: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Hash keys and tokens to 32 bits: an odd multiplier and an offset a row, then a mixer.

    Args:
        keys: int32 tensor of shape (rows, 2) from `step_keys`.
        table: int32 tensor of shape (vocabulary,) from `token_table`.

    Returns:
        int32 tensor of shape (rows, vocabulary), uniform over all 2**32 values.
    """
    return _mix32(table[None, :] * keys[:, 1:] ^ keys[:, :1])


def _mix32(value: torch.Tensor) -> torch.Tensor:
    """Mix 32 bits (lowbias32, Wellons 2018, https://nullprogram.com/blog/2018/07/31/).

    torch shifts signed integers arithmetically, so the sign bits are masked away.
    """
    value = value ^ ((value >> 16) & 0xFFFF)
    value *= 0x7FEB352D
    value ^= (value >> 15) & 0x1FFFF
    value *= _signed(0x846CA68B, 32)
    return value.bitwise_xor_((value >> 16) & 0xFFFF)


def exponentials(keys: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
    """Return Exp(1) noise, float32 of shape (rows, vocabulary), never 0 or infinite.

    31 bits make u in (0, 1). A float keeps the full resolution of 2**-31 near 0, which is where
    the smallest values of -log(1 - u), the ones that win, lie; the factor keeps u below 1.
    """
    import torch

    uniform = (hash32(keys, table) & 0x7FFFFFFF).to(torch.float32)
    uniform.add_(0.5).mul_(2.0**-31 * (1 - 2.0**-24))
    return uniform.neg_().log1p_().neg_()


def draw(
    logits: torch.Tensor,
    keys: torch.Tensor,
    temperature: torch.Tensor,
    top_p: torch.Tensor | None = None,
) -> torch.Tensor:
    """Draw one token a row.

    Args:
        logits: Float32 of shape (rows, vocabulary); banned tokens are -inf.
        keys: int32 of shape (rows, 2), see `step_keys`.
        temperature: Float32 of shape (rows, 1); 0 takes the likeliest token.
        top_p: Float32 of shape (rows, 1), or None if no row cuts its tail.

    Returns:
        int64 of shape (rows,); -1 where the logits are not numbers.
    """
    import torch

    if top_p is not None:
        logits = cut_tail(logits, temperature, top_p)
    noise = exponentials(keys, token_table(logits.shape[-1], logits.device)).log_()
    best, drawn = (logits - noise.mul_(temperature)).max(dim=-1)
    return torch.where(best.isnan(), -1, drawn)


def cut_tail(logits: torch.Tensor, temperature: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """Ban all but the smallest set of likeliest tokens whose probability reaches top_p (nucleus).

    Args:
        logits: Shape (rows, vocabulary).
        temperature: Shape (rows, 1); the probabilities are those at this temperature.
        top_p: Shape (rows, 1).
    """
    import torch

    ordered, where = logits.sort(dim=-1, descending=True, stable=True)
    probability = (ordered / torch.where(temperature == 0, 1.0, temperature)).softmax(dim=-1)
    cut = probability.cumsum(dim=-1) - probability >= top_p
    cut[:, 0] = False
    return logits.masked_fill(cut.scatter(1, where, cut), float("-inf"))
