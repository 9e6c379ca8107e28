"""Where `tuner` begins: nothing imported here takes time, so that Ctrl-C is always heard."""

from __future__ import annotations

import sys

from tuner.exits import INTERRUPTED, stopped


def main() -> None:
    """Import the command line, which takes seconds on a slow disk, and run it."""
    try:
        from tuner.main import main as run
    except KeyboardInterrupt:
        print(stopped(sys.argv[1:]), file=sys.stderr)
        sys.exit(INTERRUPTED)
    run()
