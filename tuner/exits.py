"""How `tuner` ends when it is told to: what it says, and its exit codes."""

from __future__ import annotations

import signal

STOPPED = "tuner: stopped; the same command goes on from here"
INTERRUPTED, TERMINATED = 128 + signal.SIGINT, 128 + signal.SIGTERM
