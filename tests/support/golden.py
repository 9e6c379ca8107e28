"""Golden digests: what each stage writes, so that a change of bytes is not made by accident."""

import hashlib
import json
import os
from pathlib import Path

from synthetic_instruction_tuner.study.stages import VERSIONS

FILE = Path(__file__).with_name("golden.json")
WRITE = "GOLDEN"
"""Set this variable to "write" to take what is written now as right."""


def rounded(value):
    """JSON without what differs between processors: numbers to three significant digits."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(one) for one in value]
    return float(f"{value:.3g}") if isinstance(value, float) else value


def check(stage, content):
    """Compare what a stage wrote with what it wrote when its digest was taken.

    Args:
        stage: Its field of `VERSIONS`.
        content: JSON values or text that hold what it writes, without times and measurements.
    """
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    now = {"version": getattr(VERSIONS, stage), "digest": hashlib.sha256(text.encode()).hexdigest()}
    known = json.loads(FILE.read_text())
    before = known.get(stage, {})
    if os.environ.get(WRITE) == "write":
        FILE.write_text(json.dumps(known | {stage: now}, indent=2, sort_keys=True) + "\n")
        return
    if before.get("digest") == now["digest"]:
        return
    todo = [f"set the new digest: {WRITE}=write pytest <this test>"]
    if before.get("version") == now["version"]:
        todo = [
            f"if that is meant, raise VERSIONS.{stage} in study/stages.py (now {now['version']})",
            "say in CHANGELOG.md what workspaces make anew",
            *todo,
        ]
    raise AssertionError(f"what stage {stage!r} writes has changed: {'; '.join(todo)}")
