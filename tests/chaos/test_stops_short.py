"""The short form of the stops of `make chaos`: one process of each kind, stopped and overtaken."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_what_was_stopped_beyond_its_lease_writes_nothing_when_it_wakes():
    """Busy, asleep, at a child's pipe, at a pool, in training: all at once, as they mostly wait."""
    done = subprocess.run(
        [sys.executable, "-m", "chaos.stops", "--rounds", "5", "--seed", "1"],
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "'pool': 1, 'training': 1}; second writers or other problems: 0" in done.stdout
