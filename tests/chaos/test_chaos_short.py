"""The short form of `make chaos`: six deaths, torn and rotten files, the same bytes after all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]


@pytest.mark.timeout(1200)  # minutes, if nothing else has to be done
def test_a_study_killed_again_and_again_ends_as_if_left_alone(migrated_home):
    options = ["--kills", "6", "--seed", "7", "--short", "--json", "--home", str(migrated_home)]
    command = [sys.executable, "-m", "chaos", *options]
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=1150
    )
    assert done.returncode == 0, done.stderr[-6000:]
    tally = json.loads(done.stdout)
    assert tally["differences"] == []
    assert tally["unclear"] == []
    assert sum(tally["kills"].values()) >= 6
    assert len(tally["kills"]) >= 4
    assert tally["executed"] == 0
