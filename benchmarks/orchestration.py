"""What orchestration costs: Prefect's flows and tasks against calling the domain directly.

    python benchmarks/orchestration.py                         # start-up and cost of a chunk
    python benchmarks/orchestration.py --workspace FOLDER      # and a finished study, run again

Chunks of one sample of the embedded teacher are drawn twice: by plain calls, and by the generation
flow with a local server. The difference, divided by the chunks, is what Prefect, claims and result
records cost a chunk. It is compared with the seconds that `tuner plan` expects of a chunk of preset
"colab-t4" on a T4: a lower bound from the shapes of the models, so that the share is an upper one.
Seconds of the processor are printed too: the fairer figure on a machine that does other work.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psutil

from synthetic_instruction_tuner.config import StudyConfig, presets
from synthetic_instruction_tuner.generation.run import draw_chunk
from synthetic_instruction_tuner.inspection.planning.gpus import GPUS
from synthetic_instruction_tuner.inspection.planning.plan import plan
from synthetic_instruction_tuner.inspection.status import outstanding
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.stages import STAGES
from synthetic_instruction_tuner.study.workspace import open_study

SHARE, CACHED_SECONDS = 0.02, 20.0
"""The aims: share of the wall time of a study on a T4, and seconds of a study that is all there."""
AGAIN = (
    "import sys, json, pathlib; from flows.study import study; "
    "known = json.loads(pathlib.Path(sys.argv[1], 'study.json').read_text()); "
    "study(config=known['config'], workspace=sys.argv[1])"
)


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock, and seconds of all processors, the server's included."""

    wall: float
    cpu: float

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.wall - other.wall, self.cpu - other.cpu)

    def __truediv__(self, count: int) -> Cost:
        return Cost(self.wall / count, self.cpu / count)


def main() -> None:
    """Measure and print the table."""
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "prefect"
        first, again = (_start_up(home, Path(folder) / name) for name in ("one", "two"))
        cached = _cached(home, options.workspace) if options.workspace else {}
        flow, chunk = measure_chunk(Path(folder), options.chunks, options.rounds)
    print(f"{date.today()}, {platform.machine()}, {os.cpu_count()} cores, ", end="")
    print(f"{os.getloadavg()[0]:.0f} processes wanted them on average; ", end="")
    print(f"{options.chunks} chunks, best of {options.rounds}\n")
    print("| what | seconds | CPU seconds | aim |")
    print("| --- | ---: | ---: | ---: |")
    rows = {
        "start of `tuner run`, new Prefect home": (first, ""),
        "start of `tuner run`, known Prefect home": (again, ""),
        "a flow that has nothing to do": (flow, ""),
        "a chunk, more than its direct call": (chunk, ""),
    } | {name: (cost, f"<= {CACHED_SECONDS:.0f} s") for name, cost in cached.items()}
    for name, (cost, aim) in rows.items():
        print(f"| {name} | {cost.wall:.2f} | {cost.cpu:.2f} | {aim} |")
    for name, wall, cpu in _shares(chunk, flow, again):
        print(f"| {name} | {wall:.2%} | {cpu:.2%} | <= {SHARE:.0%} |")


def measure_chunk(folder: Path, chunks: int, rounds: int) -> tuple[Cost, Cost]:
    """Return what an empty flow costs and what a chunk costs on top of its work."""
    from flows.generation import generation

    config = presets.load(
        "sandbox-smoke", [f"generation.draws={chunks}", "generation.chunk_size=1"]
    )
    with _server(folder):
        _draw(open_study(config, folder / "warm"), chunks)
        generation(config=config, workspace=str(folder / "warm"))
        direct, empty, through = [], [], []
        for turn in range(rounds):
            direct.append(_timed(_draw, open_study(config, folder / f"direct{turn}"), chunks))
            through.append(_timed(generation, config, str(folder / f"flow{turn}")))
            empty.append(_timed(generation, config, str(folder / f"flow{turn}")))
    best = _best(empty)
    return best, (_best(through) - best - _best(direct)) / chunks


def _draw(study: Study, chunks: int) -> None:
    for index in range(chunks):
        draw_chunk(study, index, index, Silent())


def _timed(function: Callable[..., Any], *arguments: Any) -> Cost:
    started, before = time.perf_counter(), _cpu()
    function(*arguments)
    return Cost(time.perf_counter() - started, _cpu() - before)


def _best(costs: list[Cost]) -> Cost:
    return Cost(min(one.wall for one in costs), min(one.cpu for one in costs))


def _cpu() -> float:
    """Sum the processor seconds of this process, of those it has ended, and of the server."""
    own = psutil.Process()
    times = [own.cpu_times(), *(one.cpu_times() for one in own.children(recursive=True))]
    ended = own.cpu_times()
    alive = sum(one.user + one.system for one in times)
    return float(alive + ended.children_user + ended.children_system)


@contextmanager
def _server(folder: Path) -> Iterator[None]:
    from prefect.settings import PREFECT_HOME, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    settings = temporary_settings({PREFECT_HOME: folder / "server"})
    with settings, prefect_test_harness(server_startup_timeout=120):
        yield


def _start_up(home: Path, workspace: Path) -> Cost:
    """Time a run that makes the benchmark rows alone, less what making them takes."""
    command = ["-m", "tuner.main", "run", "sandbox-smoke", "--until", "items"]
    whole = _timed(_process, home, command, workspace)
    study = Study(presets.load("sandbox-smoke"), workspace)
    seconds = study.store.require(study.items).seconds
    return whole - Cost(seconds, seconds)


def _cached(home: Path, workspace: Path) -> dict[str, Cost]:
    """Run a finished study again: by the command, and by the flow as a worker does."""
    config = StudyConfig.model_validate(
        json.loads((workspace / "study.json").read_text(encoding="utf-8"))["config"]
    )
    if left := outstanding(open_study(config, workspace), "report"):
        raise SystemExit(f"{workspace} is not a finished study: {left[0].name} is missing")
    file = home.parent / "study.yaml"
    file.write_text(config.model_dump_json(), encoding="utf-8")
    command = ["-m", "tuner.main", "run", str(file)]
    flow = ["-c", AGAIN, str(workspace)]
    return {
        f"{config.generation.draws} samples all there, `tuner run`": _timed(
            _process, home, command, workspace
        ),
        f"{config.generation.draws} samples all there, the flow and a server of its own": _timed(
            _process, home, flow
        ),
    }


def _process(home: Path, command: list[str], workspace: Path | None = None) -> None:
    environment = os.environ | {
        "PREFECT_HOME": str(home),
        "PREFECT_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "OMP_NUM_THREADS": "1",
    }
    where = ["--workspace", str(workspace)] if workspace else []
    subprocess.run([sys.executable, *command, *where], env=environment, check=True, stdout=2)


def _shares(chunk: Cost, flow: Cost, start: Cost) -> Iterator[tuple[str, float, float]]:
    """Compare with the plan of the real study on a T4."""
    config = presets.load("colab-t4")
    rows = plan(config, GPUS["T4"])
    chunks = math.ceil(config.generation.draws / config.generation.chunk_size)
    seconds = sum(row.seconds for row in rows if row.stage == "generation") / chunks
    name = f"share of a chunk of {config.generation.chunk_size} samples on a T4 ({seconds:.0f} s)"
    yield name, chunk.wall / seconds, chunk.cpu / seconds
    answers = math.ceil(config.filtering.target / config.preference.chunk_size)
    arms = len(config.training.arms)
    pieces = {
        "generation": chunks,
        "preference": answers * len(config.preference.responders),
        "training": arms,
        "evaluation": (1 + arms) * len(config.evaluation.benchmarks),
    }
    planned = {row.stage for row in rows} & set(pieces)
    pieces_of_plan = sum(pieces[stage] for stage in planned)
    whole, flows = sum(row.seconds for row in rows), len(STAGES) + 1
    name = f"share of that study's {', '.join(sorted(planned))} ({pieces_of_plan} pieces, "
    name += f"{whole / 3600:.1f} h)"
    yield (
        name,
        (start.wall + flows * flow.wall + pieces_of_plan * chunk.wall) / whole,
        (start.cpu + flows * flow.cpu + pieces_of_plan * chunk.cpu) / whole,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--chunks", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workspace", type=Path, help="a finished study to run again")
    return parser.parse_args()


if __name__ == "__main__":
    main()
