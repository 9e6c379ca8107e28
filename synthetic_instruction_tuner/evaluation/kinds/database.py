"""Database tasks in AgentBench's format, taken from a data folder and run like the agent suite."""

from __future__ import annotations

from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.evaluation.agents.database import read_dbbench
from synthetic_instruction_tuner.evaluation.kinds.agent import make_prompts, run_items, subset
from synthetic_instruction_tuner.evaluation.prompts import Files, Prompt
from synthetic_instruction_tuner.evaluation.subsets import rank
from synthetic_instruction_tuner.evaluation.trial import Outcome, Trial
from synthetic_instruction_tuner.storage.files import write_json

DATABASE = "dbbench/standard.jsonl"
"""Where a data folder has database tasks in AgentBench's format, and the items artifact too."""


def draw(benchmark: BenchmarkConfig, seed: int, files: Files) -> list[Prompt]:
    """Take database tasks into the items artifact.

    Tasks that SQLite cannot check are left out and listed, with their reason, in `left_out.json`.
    """
    path = None if files.data is None else files.data / DATABASE
    if path is None or not path.is_file():
        raise ConfigurationError(
            f"benchmark {benchmark.name!r} needs {DATABASE} in evaluation.data_dir "
            f"({files.data}): data/dbbench/standard.jsonl of https://github.com/THUDM/AgentBench"
        )
    target = files.folder / "rows" / DATABASE
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(path.read_bytes())
    found = read_dbbench(target)
    if not found.items:
        raise ConfigurationError(f"{path} holds no task that SQLite can check")
    write_json(target.with_name("left_out.json"), [list(one) for one in found.left_out])
    return make_prompts(benchmark, subset(found.items, benchmark.items, seed))


def draw_others(benchmark: BenchmarkConfig, seed: int, files: Files) -> list[Prompt]:
    """Return all database tasks of the items artifact in a seeded order."""
    items = read_dbbench(files.folder / "rows" / DATABASE).items
    ordered = sorted(items, key=lambda one: rank(seed, "selection", one.id))
    return make_prompts(benchmark, ordered)


def run(trial: Trial) -> Outcome:
    """Run one model on the tasks."""
    return run_items(trial, read_dbbench(trial.items.path(f"rows/{DATABASE}")).items)
