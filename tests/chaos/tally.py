"""What was done to studies and what came of it: counts, and the table of them.

    python -m chaos.tally FILES

adds up campaigns that ran with --json and prints one table of all.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Tally:
    """What was done to the studies and what came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    torn: Counter[str] = field(default_factory=Counter)
    rotten: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    stops: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    undisturbed: Counter[str] = field(default_factory=Counter)
    studies: int = 0
    attempts: int = 0
    with_prefect: int = 0
    planted: int = 0
    executed: int = 0
    beside: int = 0
    under_way: int = 0
    second_writers: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    minutes: float = 0.0

    def as_json(self) -> dict[str, object]:
        """Return everything as JSON values."""
        return {
            name: dict(value) if isinstance(value, Counter) else value
            for name, value in vars(self).items()
        }


def stage_of(path: str) -> str:
    """Tell to which stage a file belongs."""
    table = {
        "data/raw": "generation",
        "data/filtered": "filtering",
        "data/preference": "preference",
        "models": "training",
        "evaluation/items": "items",
        "evaluation/results": "evaluation",
    }
    return next((stage for start, stage in table.items() if path.startswith(start)), "report")


def table(tally: Tally) -> str:
    """Return the table."""
    from synthetic_instruction_tuner.study.stages import STAGES

    head = (
        "stage",
        "kills",
        "stopped",
        "torn",
        "rotten",
        "disk faults",
        "repeated s",
        "undisturbed s",
    )
    rows = [
        (
            name,
            tally.kills[name],
            tally.stops[name],
            tally.torn[name],
            tally.rotten[name],
            tally.faults[name],
            f"{tally.repeated[name]:.1f}",
            f"{tally.undisturbed[name]:.1f}",
        )
        for name in ("start", *STAGES)
    ]
    columns = ("kills", "stops", "torn", "rotten", "faults", "repeated", "undisturbed")
    sums = [sum(getattr(tally, name).values()) for name in columns]
    rows.append(("all", *sums[:5], f"{sums[5]:.1f}", f"{sums[6]:.1f}"))
    lines = [head, tuple("---" for _ in head), *rows]
    text = "\n".join("| " + " | ".join(str(one) for one in line) + " |" for line in lines)
    at = ", ".join(f"{name} {count}" for name, count in tally.operations.most_common())
    return (
        f"{text}\n\nkilled at: {at}\nstudies: {tally.studies}, "
        f"repeated a kill: {sums[5] / max(1, sums[0]):.2f} s, minutes: {tally.minutes:.1f}\n"
        f"attempts: {tally.attempts}, {tally.with_prefect} of them under a Prefect server\n"
        f"stopped beyond the lease: {sums[1]}, of which {tally.beside} had held it and woke beside "
        f"another; renames under way: {tally.under_way}, second writers: "
        f"{len(tally.second_writers)}\n"
        f"pickles planted before {tally.planted} attempts, executed: {tally.executed}\n"
        f"unclear errors: {len(tally.unclear)}\ndifferences: {len(tally.differences)}"
    )


def added(tallies: Iterable[dict[str, object]]) -> Tally:
    """Add up campaigns that were told as JSON."""
    total = Tally()
    for tally in tallies:
        for name, value in tally.items():
            before = getattr(total, name)
            more = Counter(value) if isinstance(before, Counter) else value
            setattr(total, name, before + more)
    return total


if __name__ == "__main__":
    print(table(added(json.loads(Path(one).read_text()) for one in sys.argv[1:])))
