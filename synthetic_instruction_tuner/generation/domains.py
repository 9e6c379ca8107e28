"""Which domain a draw belongs to: exact shares in every prefix of the sequence of draws."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(maxsize=16)
def domain_sequence(weights: tuple[float, ...], length: int) -> tuple[int, ...]:
    """Assign draws 0, 1, 2, ... to domains so that every prefix keeps the shares.

    Tijdeman's solution of the chairman assignment problem (Discrete Mathematics 32, 1980,
    323-330): after n draws each of k >= 2 domains has its share of n within 1 - 1/(2k - 2), less
    than one draw. Draw n depends on the weights alone, so more draws never change earlier ones.

    Args:
        weights: Positive weight a domain.
        length: How many draws.

    Returns:
        Index of the domain of each draw.
    """
    count = len(weights)
    if count == 1:
        return (0,) * length
    shares = [weight / sum(weights) for weight in weights]
    slack = 1 / (2 * count - 2)
    deficits, sequence = [0.0] * count, []
    for _draw in range(length):
        deficits = [deficit + share for deficit, share in zip(deficits, shares, strict=True)]
        due = [one for one in range(count) if deficits[one] >= slack - 1e-9]
        chosen = min(
            due, key=lambda one: (round((1 - slack - deficits[one]) / shares[one], 9), one)
        )
        deficits[chosen] -= 1
        sequence.append(chosen)
    return tuple(sequence)
