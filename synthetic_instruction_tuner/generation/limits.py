"""Texts that end at the limit on new tokens: said as soon as a chunk of them is drawn.

Such texts are rejected later, and a pair needs two answers that are whole. A limit that is too low
otherwise shows after hours, as rows that are missing.
"""

from __future__ import annotations

import logging

logger = logging.getLogger(__name__)

MUCH = 0.2
"""Share of cut texts from which on it is said."""


def tell_cut(cut: int, drawn: int, what: str, setting: str, limit: int) -> None:
    """Warn where much of what was drawn is cut.

    Args:
        cut: Texts that ended at the limit.
        drawn: All texts that were drawn.
        what: What they are.
        setting: Which setting is the limit.
        limit: Its value, in tokens.
    """
    if drawn and cut / drawn >= MUCH:
        logger.warning(
            "%d of %d %s of this chunk are cut at %s=%d and will be rejected; raise it: what ended "
            "by itself is not drawn again",
            cut, drawn, what, setting, limit,
        )  # fmt: skip
