"""Whether two write one workspace: who held its lease at every commit, as each process notes it.

A commit is a rename to where readers look: an artifact, a report, the study file, a checkpoint of
training. A process notes, just before it renames, the token that it works under, the one that the
lease carries at that moment, and when it last made sure that they are the same.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from synthetic_instruction_tuner.storage import claims, processes
from synthetic_instruction_tuner.study.workspace import LEASE_FILE

NOTES = "commits.jsonl"
CHECKPOINT = re.compile(r"step-\d+")


def shorten_leases() -> None:
    """Let leases of this process, and of what it forks, end after a second instead of minutes."""
    claims.RENEW_SECONDS, claims.SECONDS = 0.1, 0.8


def be_machine(folder: Path) -> None:
    """Be a machine of its own from now on: nothing is known of the processes of others."""
    processes.BOOT = folder / "boot_id"
    processes.BOOT.write_text(f"{folder}\n")


def wait_for_end_of_lease(workspace: Path) -> None:
    """Wait until nobody renews the lease, as far as its time tells."""
    while claims.read(workspace / LEASE_FILE).get("until", 0.0) >= time.time():
        time.sleep(0.05)


@dataclass(frozen=True)
class Commit:
    """A rename.

    Attributes:
        file: What was put in place, relative to the workspace.
        mine: Token that the process works under.
        lease: Token that the lease carried; empty if there was none.
        checked: When the process last began to compare the two, in seconds of the monotonic clock.
        process: Its number.
    """

    file: str
    mine: str
    lease: str
    checked: float
    process: int


class Witness:
    """Notes the commits of this process.

    Args:
        workspace: The folder.
        notes: Where they are noted.
    """

    def __init__(self, workspace: Path, notes: Path) -> None:
        self._workspace, self._lease = workspace, workspace / LEASE_FILE
        self._mine, self._checked = "", 0.0
        self._notes = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def install(self) -> None:
        """Wrap the renames of this process, and the check that comes before them."""
        check = claims.check

        def checked(place: Path) -> None:
            begun = time.monotonic()
            check(place)
            self._checked = begun

        claims.check = checked
        for name in ("replace", "rename"):
            setattr(os, name, self._told(getattr(os, name)))

    def _told(self, rename):
        def told(source, target, **options):
            self._note(os.path.abspath(os.fsdecode(target)))
            return rename(source, target, **options)

        return told

    def _note(self, target: str) -> None:
        file = os.path.relpath(target, self._workspace)
        is_published = not file.startswith(".") or CHECKPOINT.fullmatch(os.path.basename(target))
        held = {**claims._inherited, **claims._held}
        self._mine = held.get(self._lease, self._mine)
        if not is_published or not self._mine:
            return
        lease = claims.read(self._lease).get("token", "")
        found = Commit(file, self._mine, lease, self._checked, os.getpid())
        os.write(self._notes, json.dumps(vars(found)).encode() + b"\n")


def read_notes(path: Path) -> list[Commit]:
    """Read what the processes of a machine noted."""
    if not path.exists():
        return []
    return [Commit(**json.loads(line)) for line in path.read_text().splitlines()]


def second_writers(commits: Iterable[Commit], stopped: float) -> tuple[list[str], list[str]]:
    """Find commits under a lease that was another's.

    Args:
        commits: Those of the machine that was stopped.
        stopped: When that was, in seconds of the monotonic clock.

    Returns:
        Those that it began afterwards, and those for which all was checked and asked for when it
        was stopped: no check can come between the last one and the rename.
    """
    late = [one for one in commits if one.lease != one.mine]
    begun = [one.file for one in late if one.checked > stopped]
    under_way = [one.file for one in late if one.checked <= stopped]
    return begun, under_way
