"""Kill a study again and again, on a new machine each time, and compare with one left alone.

    python -m chaos --kills 200 --seed 1

Attempts end by SIGKILL at the k-th file operation or after a time, by a disk that fails from the
k-th operation on, or by themselves; between them files rot. Exit status 1 if anything differs from
the undisturbed run, or if an error was not a clear one.
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
from dataclasses import dataclass, field
from pathlib import Path

from chaos import storage
from chaos.machine import Ending, Machines, Plan

CONFIG = Path(__file__).with_name("chaos.yaml")
SEEDS = (1, 2)
"""Seeds of the studies, in turn."""
MOST_ATTEMPTS = 400
DEATHS_A_STUDY = 30
"""Then a study is left alone until it is done."""
BEGINNINGS = (
    ("reports", "evaluation/results", "evaluation/metrics", "evaluation/figures"),  # arms trained
    None,  # from nothing
    ("reports", "evaluation/results", "evaluation/metrics", "evaluation/figures", "models"),
)
"""What studies lack when they begin, in turn: the last stages and training need deaths, too."""
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


@dataclass
class Tally:
    """What was done to the studies and what came of it."""

    kills: Counter[str] = field(default_factory=Counter)
    operations: Counter[str] = field(default_factory=Counter)
    torn: Counter[str] = field(default_factory=Counter)
    rotten: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    undisturbed: Counter[str] = field(default_factory=Counter)
    studies: int = 0
    attempts: int = 0
    with_prefect: int = 0
    planted: int = 0
    executed: int = 0
    differences: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)

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


class Chaos:
    """One campaign.

    Args:
        folder: For workspaces and machines.
        kills: How many deaths are wanted.
        seed: Of all choices.
        short: One study, and nothing that depends on time.
        home: A Prefect home with an empty, migrated database.
    """

    def __init__(
        self, folder: Path, kills: int, seed: int, short: bool, home: Path | None = None
    ) -> None:
        self.folder, self.wanted, self.rng = folder, kills, random.Random(seed)
        self.short, self.begun = short, 0
        self.mark = folder / "executed"
        self.machines = Machines(folder / "machines", home, 0 if short else 2)
        self.tally = Tally()
        self.calm: dict[int, tuple[Path, Ending]] = {}

    @property
    def dead(self) -> int:
        """Deaths so far."""
        return sum(self.tally.kills.values())

    def run(self) -> None:
        """Disturb studies until there were enough deaths."""
        while self.dead < self.wanted and not self.tally.differences:
            self._study(SEEDS[self.tally.studies % len(SEEDS)])
            self.tally.studies += 1
        self.machines.close()

    def _command(self, seed: int, workspace: Path) -> list[str]:
        return ["run", str(CONFIG), "--set", f"seed={seed}", "--workspace", str(workspace)]

    def _undisturbed(self, seed: int) -> tuple[Path, Ending]:
        if seed not in self.calm:
            workspace = self.folder / f"calm-{seed}"
            ending = self.machines.attempt(self._command(seed, workspace), workspace, Plan())
            if ending.status:
                raise SystemExit(f"the undisturbed study failed:\n{ending.output}")
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
        self.begun = self.dead
        for _ in range(MOST_ATTEMPTS):
            if self._attempt(seed, workspace, undisturbed.usual(), spent):
                break
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
        plan = Plan(within, random.Random(rng.random()), usual, eager, plain)
        limit = rng.uniform(0.2, 3) if action == "time" else None
        begun = time.time_ns()
        ending = self.machines.attempt(self._command(seed, workspace), workspace, plan, limit)
        spent.update(ending.seconds)
        self.tally.with_prefect += not plain
        self.tally.attempts += 1
        say(f"  {action}: {ending.operation or '-'} in {ending.stage}, status {ending.status}")
        if ending.operation != "hung" and ending.status == -signal.SIGKILL:
            self._died(ending, storage.tear(workspace, begun, ending.home, rng))
        elif ending.status:
            self._failed(ending, action, workspace)
        return ending.status == 0

    def _choose(self) -> str:
        if self.dead >= min(self.wanted, self.begun + DEATHS_A_STUDY):
            return "none"
        if self.short:  # what depends on time does not repeat
            return self.rng.choice(("die",) * 9 + ("full",))
        return self.rng.choices(("die", "time", "full", "broken"), (80, 10, 5, 5))[0]

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


def is_clear(output: str, action: str, workspace: Path) -> bool:
    """Tell whether an error was one line that names the place; without a fault none is expected."""
    if action not in ("full", "broken"):
        return False
    last = output.strip().splitlines()[-1] if output.strip() else ""
    return "Traceback" not in output and last.startswith("tuner: ") and str(workspace) in last


def say(text: str) -> None:
    """Tell how it goes on standard error."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def table(tally: Tally, seconds: float) -> str:
    """Return the table."""
    from synthetic_instruction_tuner.study.stages import STAGES

    head = ("stage", "kills", "torn", "rotten", "disk faults", "repeated s", "undisturbed s")
    rows = [
        (
            name,
            tally.kills[name],
            tally.torn[name],
            tally.rotten[name],
            tally.faults[name],
            f"{tally.repeated[name]:.1f}",
            f"{tally.undisturbed[name]:.1f}",
        )
        for name in ("start", *STAGES)
    ]
    columns = ("kills", "torn", "rotten", "faults", "repeated", "undisturbed")
    sums = [sum(getattr(tally, name).values()) for name in columns]
    rows.append(("all", *sums[:4], f"{sums[4]:.1f}", f"{sums[5]:.1f}"))
    lines = [head, tuple("---" for _ in head), *rows]
    text = "\n".join("| " + " | ".join(str(one) for one in line) + " |" for line in lines)
    at = ", ".join(f"{name} {count}" for name, count in tally.operations.most_common())
    return (
        f"{text}\n\nkilled at: {at}\nstudies: {tally.studies}, "
        f"repeated a kill: {sums[4] / max(1, sums[0]):.2f} s, minutes: {seconds / 60:.1f}\n"
        f"attempts: {tally.attempts}, {tally.with_prefect} of them under a Prefect server\n"
        f"pickles planted before {tally.planted} attempts, executed: {tally.executed}\n"
        f"unclear errors: {len(tally.unclear)}\ndifferences: {len(tally.differences)}"
    )


def main() -> int:
    """Run a campaign from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="keep everything here")
    parser.add_argument("--short", action="store_true", help="one study, nothing left to chance")
    parser.add_argument("--home", type=Path, help="Prefect home with a migrated database to copy")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    environment(folder)
    started = time.monotonic()
    say(f"seed {chosen.seed}, {chosen.kills} kills, in {folder}")
    chaos = Chaos(folder, chosen.kills, chosen.seed, chosen.short, chosen.home)
    chaos.run()
    tally = chaos.tally
    for problem in (*tally.unclear, *tally.differences):
        say(problem)
    print(json.dumps(tally.as_json()) if chosen.json else table(tally, time.monotonic() - started))
    failed = bool(tally.differences or tally.unclear or tally.executed)
    if not chosen.folder and not failed:
        shutil.rmtree(folder)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
