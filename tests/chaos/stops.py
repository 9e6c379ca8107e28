"""Stop a process beyond its lease, let another take over, wake the first: it writes nothing more.

    python -m chaos.stops --rounds 100 --seed 1

What is stopped commits pieces and between them computes, sleeps, reads from a child's pipe, waits
for a pool or trains. Its successor, on a machine of its own, makes the same pieces. Exit status 1
if anything was committed under a lease that was another's, a piece is not what it must be, or a
process that woke up did not end.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

import psutil
from chaos import witness

from synthetic_instruction_tuner.storage import claims
from synthetic_instruction_tuner.storage.artifacts import Artifact, ArtifactStore
from synthetic_instruction_tuner.study.ending import GRACE_SECONDS, ended_with_lease
from synthetic_instruction_tuner.study.workspace import LEASE_FILE, claim, lease
from synthetic_instruction_tuner.training.checkpoints import checkpoint
from synthetic_instruction_tuner.training.worker import stop_without

AT_ONCE = 5
FOREVER = 600.0
"""Seconds of a blocked call that nothing but a signal ends."""
PATIENCE = 120.0
"""Seconds that anything may take on a busy machine; the grace of a lost lease is 15."""


def piece(number: int) -> Artifact:
    """Name a piece of work."""
    return Artifact("piece", f"piece-{number}", f"data/piece-{number}", 1, {})


def content(number: int) -> str:
    """Return what a piece holds, whoever makes it."""
    return "".join(f"{number} {line}\n" for line in range(200))


def make(store: ArtifactStore, number: int) -> None:
    """Make a piece unless it is there."""
    artifact = piece(number)
    with claim(store.root, f"piece-{number}", poll_seconds=0.05):
        if store.find(artifact) is None:
            with store.writing(artifact) as folder:
                (folder / "lines").write_text(content(number))
            store.commit(artifact, {}, 0.0)


def compute(_: Path, seconds: float) -> None:
    """Be busy, in Python."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def sleep(_: Path, seconds: float) -> None:
    """Be blocked in a call of the system."""
    time.sleep(seconds)


def read_from_child(_: Path, seconds: float) -> None:
    """Be blocked by the pipe of a child that says nothing."""
    subprocess.run(["sleep", str(seconds)], stdout=subprocess.PIPE, check=False)


def wait_for_pool(_: Path, seconds: float) -> None:
    """Be blocked by the processes of a pool."""
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(time.sleep, [seconds, seconds])


def train(root: Path, seconds: float) -> None:
    """Read what a training process says that writes one checkpoint after the other."""
    reading, writing = os.pipe()
    held = claims.held(root)
    child = os.fork()
    if not child:
        with suppress(BaseException):
            os.close(reading)
            write_checkpoints(root, held, seconds, writing)
        os._exit(0)
    os.close(writing)
    with ended_with_lease(partial(os.kill, child, signal.SIGKILL)):
        while os.read(reading, 100):
            pass
    os.close(reading)
    os.waitpid(child, 0)


def write_checkpoints(root: Path, held: dict[Path, str], seconds: float, told: int) -> None:
    """Be a training process."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    claims._held.clear()
    claims.inherit(held)
    stop_without(held)
    folder = root / ".unfinished" / "arm" / "work" / "checkpoints"
    end = time.monotonic() + seconds
    for step in count(1):
        temporary = checkpoint._temporary(checkpoint.path_of(folder, step))
        (temporary / "weights").write_text(content(step))
        checkpoint._publish(temporary, checkpoint.path_of(folder, step))
        os.write(told, b"step\n")
        if time.monotonic() > end:
            return


WORKS = {
    "busy": compute,
    "sleep": sleep,
    "pipe": read_from_child,
    "pool": wait_for_pool,
    "training": train,
}


@dataclass
class Round:
    """One process that is stopped and overtaken.

    Args:
        folder: For its workspace and notes.
        kind: A key of `WORKS`.
        seed: Of when it is stopped and woken, and whether its calls end by themselves.
    """

    folder: Path
    kind: str
    seed: int
    problems: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng, self.root = random.Random(self.seed), self.folder / "workspace"
        self.root.mkdir(parents=True)
        self.blocks = FOREVER if self.rng.random() < 0.5 else self.rng.uniform(0.01, 0.2)
        self.pieces = 0 if self.blocks == FOREVER else 1000

    def run(self) -> tuple[int, float]:
        """Stop, overtake, wake and look.

        Returns:
            Renames that were under way, and seconds from waking to the end.
        """
        first = self._fork("first", self._hold)
        self._wait("the lease", lambda: self._token() is not None)
        time.sleep(self.rng.uniform(0.05, 0.6))
        os.killpg(first, signal.SIGSTOP)
        os.waitpid(first, os.WUNTRACED)
        stopped, lost = time.monotonic(), self._token()
        witness.wait_for_end_of_lease(self.root)
        second = self._fork("second", self._succeed)
        self._wait("a take-over", lambda: self._token() != lost)
        time.sleep(self.rng.uniform(0, 0.5))
        os.killpg(first, signal.SIGCONT)
        woken = time.monotonic()
        status = self._end_of(first)
        took = time.monotonic() - woken
        (self.folder / "enough").touch()
        if self._end_of(second) != 0:
            self.problems.append(f"its successor failed: {self._told('second')}")
        if status == 0:
            self.problems.append("it went on to its end as if nothing had been")
        if left := alive_in(first):
            self.problems.append(f"it left processes behind: {left}")
        begun, under_way = witness.second_writers(self._notes("first"), stopped)
        self.problems += [f"{one} was committed under a lease of another" for one in begun]
        begun, _ = witness.second_writers(self._notes("second"), 0.0)
        self.problems += [f"{one} was committed beside the holder" for one in begun]
        self._compare()
        return len(under_way), took

    def _hold(self) -> None:
        store = ArtifactStore(self.root)
        with lease(self.root):
            for number in count():
                if number <= self.pieces:
                    make(store, number)
                WORKS[self.kind](self.root, self.blocks)

    def _succeed(self) -> None:
        store = ArtifactStore(self.root)
        with lease(self.root, wait_seconds=PATIENCE):
            for number in count():
                make(store, number)
                if (self.folder / "enough").exists():
                    return

    def _fork(self, name: str, work: Callable[[], None]) -> int:
        process = os.fork()
        if process:
            return process
        status = 70
        with suppress(BaseException):
            os.setpgid(0, 0)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            log = os.open(self.folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            (self.folder / name).mkdir()
            witness.shorten_leases()
            witness.be_machine(self.folder / name)
            claims.WATCH_SECONDS = 0.5
            witness.Witness(self.root, self.folder / name / witness.NOTES).install()
            status = ended(work)
        os._exit(status)

    def _end_of(self, process: int) -> int:
        status: list[int] = []

        def is_over() -> bool:
            found, code = os.waitpid(process, os.WNOHANG)
            status.extend([os.waitstatus_to_exitcode(code)] if found else [])
            return bool(found)

        try:
            self._wait("an end", is_over)
        except TimeoutError as error:
            self.problems.append(str(error))
            os.killpg(process, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        return status[0]

    def _wait(self, what: str, is_there: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE
        while not is_there():
            if time.monotonic() > end:
                raise TimeoutError(f"waited in vain for {what}: {self._told('first')}")
            time.sleep(0.01)

    def _token(self) -> str | None:
        return claims.read(self.root / LEASE_FILE).get("token")

    def _notes(self, name: str) -> list[witness.Commit]:
        return witness.read_notes(self.folder / name / witness.NOTES)

    def _told(self, name: str) -> str:
        log = self.folder / f"{name}.log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else ""

    def _compare(self) -> None:
        store, made = ArtifactStore(self.root), 0
        for number in range(len(list(self.root.glob("data/*")))):
            manifest = store.find(piece(number))
            made += manifest is not None
            if manifest is None or manifest.path("lines").read_text() != content(number):
                self.problems.append(f"piece {number} is not what it must be")
        if not made:
            self.problems.append("nothing was made")


def alive_in(group: int) -> list[int]:
    """List the processes of a group that do anything; one that is killed may take a moment."""
    for _ in range(200):
        found = []
        for process in psutil.process_iter():
            with suppress(OSError, psutil.Error):
                if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process.pid)
        if not found:
            return []
        time.sleep(0.05)
    return found


def ended(work: Callable[[], None]) -> int:
    """Do some work and say how it ended, as `tuner` would."""
    import traceback

    from synthetic_instruction_tuner.errors import TunerError

    try:
        work()
    except (TunerError, KeyboardInterrupt) as error:
        print(f"tuner: {error}", flush=True)
        return 1
    except BaseException:
        traceback.print_exc()
        return 70
    return 0


def in_process_of_its_own(one: Round) -> tuple[int, int]:
    """Run a round in a fork; return its process and where it tells its outcome."""
    reading, writing = os.pipe()
    process = os.fork()
    if process:
        os.close(writing)
        return process, reading
    try:
        under_way, took = one.run()
        told = [f"{under_way} {took:.3f}", *one.problems]
    except BaseException as error:
        told = [f"0 {PATIENCE}", f"{type(error).__name__}: {error}", *one.problems]
    os.write(writing, "\0".join(told).encode()[:60_000])
    os._exit(0)


def main() -> int:
    """Run rounds from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="stops-"))
    kinds = [list(WORKS)[number % len(WORKS)] for number in range(chosen.rounds)]
    rounds, under_way, slowest, problems = Counter[str](), 0, 0.0, 0
    for start in range(0, chosen.rounds, AT_ONCE):
        batch = [
            Round(folder / f"{number}", kinds[number], chosen.seed * 1_000_000 + number)
            for number in range(start, min(start + AT_ONCE, chosen.rounds))
        ]
        for one, (process, told) in [(one, in_process_of_its_own(one)) for one in batch]:
            with os.fdopen(told) as file:
                figures, *found = file.read().split("\0")
            os.waitpid(process, 0)
            rounds[one.kind] += 1
            under_way += int(figures.split()[0])
            slowest = max(slowest, float(figures.split()[1]))
            for problem in found:
                print(f"{one.kind}, seed {one.seed}: {problem}", file=sys.stderr)
            problems += len(found)
            if not found:
                shutil.rmtree(one.folder)
    print(
        f"stopped beyond the lease: {dict(rounds)}; second writers or other problems: {problems}; "
        f"renames under way: {under_way}; slowest end after waking: {slowest:.1f} s "
        f"(at most {GRACE_SECONDS:.0f} s are allowed)"
    )
    return int(problems > 0)


if __name__ == "__main__":
    sys.exit(main())
