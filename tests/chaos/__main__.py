"""Kill a study again and again, on a new machine each time, and compare with one left alone.

    python -m chaos --kills 200 --seed 1

Attempts end by SIGKILL at the k-th file operation or after a time, by a disk that fails from the
k-th operation on, or by themselves; some are stopped (SIGSTOP) beyond their lease, and go on while
another machine has taken over; between them files rot. Exit status 1 if anything differs from the
undisturbed run, if an error was not a clear one, or if two wrote at once.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import nullcontext
from pathlib import Path

from chaos import storage, witness
from chaos.faults import FLUSHED
from chaos.machine import Ending, Machines, Plan, Running
from chaos.tally import Tally, stage_of, table
from support.postgresql import PostgreSQL, running

from tuner.exits import INTERRUPTED, STOPPED

CONFIG = Path(__file__).with_name("chaos.yaml")
SEEDS = (1, 2)
"""Seeds of the studies, in turn."""
MOST_ATTEMPTS = 400
DEATHS_A_STUDY = 30
"""Or stops: then a study is left alone until it is done."""
BEGINNINGS = (
    ("reports", "evaluation/results", "evaluation/metrics", "evaluation/figures"),  # arms trained
    None,  # from nothing
    ("reports", "evaluation/results", "evaluation/metrics", "evaluation/figures", "models"),
)
"""What studies lack when they begin, in turn: the last stages and training need deaths, too."""
ACTIONS = {"die": 72, "time": 9, "stop": 10, "full": 5, "broken": 4}
"""What happens in an attempt, and in how many of a hundred."""
WITH_PREFECT = 0.2
"""Share of the attempts that run under a Prefect server of their own, which costs seconds each."""


def environment(folder: Path) -> None:
    """Set what libraries read when they are imported: a cache that goes with each machine."""
    os.environ["HF_HOME"] = str(folder / "hub")
    quiet = {
        "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "PREFECT_API_BLOCKS_REGISTER_ON_START": "false",
        "PREFECT_API_DATABASE_MIGRATE_ON_START": "false",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_ENABLED": "false",
        "TOKENIZERS_PARALLELISM": "false",
    }
    os.environ.update({name: os.environ.get(name, value) for name, value in quiet.items()})


class Chaos:
    """One campaign.

    Args:
        folder: For workspaces and machines.
        kills: How many deaths are wanted.
        stops: How many machines are to be stopped beyond their lease, at least.
        seed: Of all choices.
        short: One study, and nothing that depends on time.
        home: A Prefect home with an empty, migrated database.
        postgresql: Where Prefect's servers keep their records; SQLite if none.
    """

    def __init__(
        self,
        folder: Path,
        kills: int,
        stops: int,
        seed: int,
        short: bool,
        home: Path | None = None,
        postgresql: PostgreSQL | None = None,
    ) -> None:
        self.folder, self.wanted, self.stops = folder, kills, stops
        self.rng, self.short, self.begun = random.Random(seed), short, 0
        self.mark = folder / "executed"
        self.machines = Machines(folder / "machines", home, 0 if short else 2, postgresql)
        self.tally = Tally()
        self.calm: dict[int, tuple[Path, Ending]] = {}

    @property
    def dead(self) -> int:
        """Deaths so far."""
        return sum(self.tally.kills.values())

    @property
    def disturbed(self) -> int:
        """Deaths and stops so far."""
        return self.dead + sum(self.tally.stops.values())

    def run(self) -> None:
        """Disturb studies until there were enough deaths and stops."""
        try:
            while self._wanted() and not (self.tally.differences or self.tally.unclear):
                self._study(SEEDS[self.tally.studies % len(SEEDS)])
                self.tally.studies += 1
        finally:
            self.machines.close()

    def _command(self, seed: int, workspace: Path) -> list[str]:
        return ["run", str(CONFIG), "--set", f"seed={seed}", "--workspace", str(workspace)]

    def _undisturbed(self, seed: int) -> tuple[Path, Ending]:
        if seed not in self.calm:
            workspace = self.folder / f"calm-{seed}"
            ending = self.machines.attempt(self._command(seed, workspace), workspace, Plan())
            if not isinstance(ending, Ending) or ending.status:
                raise SystemExit(f"the undisturbed study failed:\n{ending}")
            self.calm[seed] = workspace, ending
            say(
                f"seed {seed} undisturbed: {ending.operations} file operations, "
                f"{sum(ending.seconds.values()):.1f} s of work"
            )
        return self.calm[seed]

    def _study(self, seed: int) -> None:
        calm, undisturbed = self._undisturbed(seed)
        workspace = self.folder / f"study-{self.tally.studies}"
        lacking = BEGINNINGS[self.tally.studies % len(BEGINNINGS)]
        if lacking and not self.short:
            shutil.copytree(calm, workspace)
            for folder in lacking:
                shutil.rmtree(workspace / folder)
        spent: Counter[str] = Counter()
        self.begun = self.disturbed
        for _ in range(MOST_ATTEMPTS):
            if self._attempt(seed, workspace, undisturbed.usual(), spent):
                break
            if self.tally.unclear:  # it may never end
                return
        else:
            self.tally.unclear.append(f"{workspace.name}: not done after {MOST_ATTEMPTS} attempts")
        storage.unplant(workspace)
        self.tally.executed += self.mark.exists()
        found = storage.differences(calm, workspace)
        self.tally.differences += [f"{workspace.name}: {one}" for one in found]
        for name, seconds in undisturbed.seconds.items():
            self.tally.undisturbed[name] += seconds
            self.tally.repeated[name] += max(0.0, spent[name] - seconds)
        say(f"{workspace.name}: done, {self.dead} deaths so far, {len(found)} differences")
        if not found and not self.tally.unclear:
            shutil.rmtree(workspace)

    def _attempt(
        self, seed: int, workspace: Path, usual: dict[str, int], spent: Counter[str]
    ) -> bool:
        """Start the study once more; return whether it got to its end."""
        rng = self.rng
        action = self._choose()
        if action != "none":
            self._spoil(workspace)
        within = "none" if action == "time" else action
        eager = 0.5 if self.short else 1.0
        plain = rng.random() >= WITH_PREFECT and action != "none"
        stops = action == "stop"
        plan = Plan(within, random.Random(rng.random()), usual, eager, plain, stops)
        by_time = action == "time" or (stops and rng.random() < 0.5)
        limit = rng.uniform(0.2, 8 if stops else 3) if by_time else None
        begun = time.time_ns()
        ending = self.machines.attempt(self._command(seed, workspace), workspace, plan, limit)
        if isinstance(ending, Running):
            return self._overtaken(ending, usual, spent)
        self._count(ending, plan, spent)
        say(f"  {action}: {ending.operation or '-'} in {ending.stage}, status {ending.status}")
        if ending.operation != "hung" and ending.status == -signal.SIGKILL:
            self._died(ending, storage.tear(workspace, begun, ending.home, rng))
        elif ending.status:
            self._failed(ending, action, workspace)
        return ending.status == 0

    def _count(self, ending: Ending, plan: Plan, spent: Counter[str]) -> None:
        spent.update(ending.seconds)
        self.tally.with_prefect += not plan.plain
        self.tally.attempts += 1

    def _overtaken(self, sleeper: Running, usual: dict[str, int], spent: Counter[str]) -> bool:
        """Let another machine work while one is stopped, and both when that one wakes."""
        rng, workspace = self.rng, sleeper.workspace
        action = rng.choice(("die", "die", "die", "none"))
        plain = rng.random() >= WITH_PREFECT
        plan = Plan(action, random.Random(rng.random()), usual, plain=plain, brief=True)
        begun = time.time_ns()
        first, second = self.machines.overtake(sleeper, plan, rng.choice((0, 0.3, 2, 8)))
        for ending, its in ((first, sleeper.plan), (second, plan)):
            self._count(ending, its, spent)
        say(
            f"  stop: {first.operation} in {first.stage}, status {first.status}, beside "
            f"{second.operation or '-'} in {second.stage}, status {second.status}"
        )
        self._judge(first, workspace)
        if second.operation != "hung" and second.status == -signal.SIGKILL:
            with (second.home / FLUSHED).open("a") as flushed:
                flushed.write((first.home / FLUSHED).read_text())
            witness.wait_for_end_of_lease(workspace)
            self._died(second, storage.tear(workspace, begun, second.home, rng))
        elif second.status and IN_USE not in second.output:  # one may wake as it is overtaken
            self._failed(second, action, workspace)
        return second.status == 0

    def _judge(self, first: Ending, workspace: Path) -> None:
        """Look at what a machine that slept did when it woke beside its successor."""
        notes = witness.read_notes(first.home / witness.NOTES)
        begun, under_way = witness.second_writers(notes, first.stopped)
        self.tally.stops[first.stage] += 1
        self.tally.beside += bool(notes) and first.status != 0
        self.tally.under_way += len(under_way)
        self.tally.second_writers += [f"{workspace.name}: {one}" for one in begun]
        if begun or under_way:
            say(f"    after it lost the lease: {begun}, under way: {under_way}")
        if first.status and not is_leave(first, workspace):
            self._failed(first, "stop", workspace)

    def _wanted(self) -> list[str]:
        """Name what there was not enough of."""
        stops = sum(self.tally.stops.values())
        return ["die"] * (self.dead < self.wanted) + ["stop"] * (stops < self.stops)

    def _choose(self) -> str:
        wanted = self._wanted()
        if not wanted or self.disturbed >= self.begun + DEATHS_A_STUDY:
            return "none"
        if wanted == ["stop"]:
            return "stop"
        if self.short:  # what depends on time does not repeat
            return self.rng.choice(("die",) * 9 + ("full",))
        return self.rng.choices(tuple(ACTIONS), ACTIONS.values())[0]

    def _spoil(self, workspace: Path) -> None:
        """Let a file rot, and plant pickles, before the next attempt."""
        if not workspace.exists():
            return
        if self.rng.random() < 0.08 and (rotten := storage.rot(workspace, self.rng)):
            self.tally.rotten[stage_of(rotten.split()[1])] += 1
            say(f"  rot: {rotten}")
        if self.rng.random() < 0.3:
            storage.plant(workspace, self.mark)
            self.tally.planted += 1

    def _died(self, ending: Ending, torn: list[str]) -> None:
        self.tally.kills[ending.stage] += 1
        self.tally.operations[ending.operation] += 1
        self.tally.torn[ending.stage] += len(torn)
        if torn:
            say(f"    torn: {len(torn)}, such as {torn[0]}")

    def _failed(self, ending: Ending, action: str, workspace: Path) -> None:
        if action in ("full", "broken"):
            self.tally.faults[ending.stage] += 1
        if not is_clear(ending.output, action, workspace):
            text = f"{action} at {ending.operation} in {ending.stage}:\n{ending.output[-4000:]}"
            self.tally.unclear.append(text)
            say(text)


IN_USE = " is in use by process "
"""What a run says that finds a writer alive."""


def is_clear(output: str, action: str, workspace: Path) -> bool:
    """Tell whether an error was one line that names the place; without a fault none is expected."""
    if action not in ("full", "broken"):
        return False
    last = output.strip().splitlines()[-1] if output.strip() else ""
    return "Traceback" not in output and last.startswith("tuner: ") and str(workspace) in last


def is_leave(ending: Ending, workspace: Path) -> bool:
    """Tell whether a run that had lost its lease ended as it should: soon, and in one line."""
    lines = ending.output.strip().splitlines()
    told = lines[-1] if lines else ""
    lost = told.startswith("tuner: ") and str(workspace) in told
    return ending.status in (1, 2, INTERRUPTED) and (lost or told == STOPPED)


def say(text: str) -> None:
    """Tell how it goes on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Run a campaign from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--stops", type=int, default=0, help="machines to stop, at least")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep everything here")
    parser.add_argument("--short", action="store_true", help="one study, nothing left to chance")
    parser.add_argument("--home", type=Path, help="Prefect home with a migrated database to copy")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    environment(folder)
    started = time.monotonic()
    say(f"seed {chosen.seed}, {chosen.kills} kills, in {folder}, {chosen.database}")
    with running() if chosen.database == "postgresql" else nullcontext() as postgresql:
        chaos = Chaos(
            folder,
            chosen.kills,
            chosen.stops,
            chosen.seed,
            chosen.short,
            chosen.home,
            postgresql,
        )
        chaos.run()
    tally = chaos.tally
    tally.minutes = (time.monotonic() - started) / 60
    for problem in (*tally.unclear, *tally.differences, *tally.second_writers):
        say(problem)
    print(json.dumps(tally.as_json()) if chosen.json else table(tally))
    failed = bool(tally.differences or tally.unclear or tally.executed or tally.second_writers)
    if not chosen.folder and not failed:
        shutil.rmtree(folder)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
