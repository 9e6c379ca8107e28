"""How `tuner` ends when it is told to: what it says, and its exit codes."""

from __future__ import annotations

import signal
from collections.abc import Sequence

STOPPED = "tuner: stopped; the same command goes on from here"
JUST_STOPPED = "tuner: stopped"
GO_ON = ("run", "sandbox")
"""Commands that keep what they have done."""
INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM


def stopped(arguments: Sequence[str]) -> str:
    """Say that a command was stopped, and whether the same goes on from there.

    Args:
        arguments: What was typed behind `tuner`.
    """
    return STOPPED if arguments and arguments[0] in GO_ON else JUST_STOPPED
