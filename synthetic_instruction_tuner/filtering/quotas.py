"""How many rows of each steering domain are kept: the shares of the draws, whatever their yield."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.filtering import splits


def quotas_of(config: StudyConfig) -> dict[str, int] | None:
    """Divide `filtering.target` by the weights of the domains; None where there is no steering."""
    domains = config.generation.domains
    if config.generation.source is not None or not config.filtering.quotas or len(domains) < 2:
        return None
    return splits.quotas({one.name: one.weight for one in domains}, config.filtering.target)


def choose(
    domains: Sequence[str], target: int, quotas: Mapping[str, int] | None, fill: bool
) -> list[int]:
    """Choose which rows are kept: the first of each domain, as many as its quota allows.

    Args:
        domains: The domain of each row that passed, in the order of the rows.
        target: Rows required.
        quotas: Rows required of each domain; None: any.
        fill: Whether rows of other domains take the places that a domain cannot fill.

    Returns:
        Positions among the rows, in order.
    """
    if quotas is None:
        return list(range(min(target, len(domains))))
    left = Counter(quotas)
    chosen = set()
    for position, domain in enumerate(domains):
        if left[domain] > 0:
            left[domain] -= 1
            chosen.add(position)
    others = (position for position in range(len(domains)) if position not in chosen)
    missing = target - len(chosen) if fill else 0
    return sorted(chosen | {position for position, _ in zip(others, range(missing), strict=False)})


def next_draws(passed: int, drawn: int, target: int, most: float, reserve: float) -> int:
    """Return how many draws in all the yield so far calls for, with a reserve, at most `most`.

    Without a single row that passed the number doubles.
    """
    if passed == 0:
        return int(min(max(2 * drawn, 1), most))
    missing = (target - passed) * drawn / passed
    return int(min(drawn + math.ceil(missing * reserve), most))


def next_draws_by_domain(
    kept: Mapping[str, int], drawn: Mapping[str, int], quotas: Mapping[str, int], reserve: float
) -> int:
    """Return how many draws in all the domain that lacks most calls for.

    Args:
        kept: Rows kept of each domain.
        drawn: Draws of each domain; their shares stay what they are.
        quotas: Rows required of each domain.
        reserve: Draws beyond what the yield calls for, as a factor.
    """
    total = sum(drawn.values())
    needed = [
        next_draws(kept.get(one, 0), drawn[one], quota, math.inf, reserve) * total / drawn[one]
        for one, quota in quotas.items()
        if drawn.get(one) and kept.get(one, 0) < quota
    ]
    return math.ceil(max(needed, default=2 * total))
