"""Prompts that models answer freely: written once, the same for the base and every arm."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from synthetic_instruction_tuner.artifacts import Manifest
from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.evaluation import rows
from synthetic_instruction_tuner.files import digest
from synthetic_instruction_tuner.subject import benchmark_key

DEFAULT_ITEMS = 400
"""Prompts where the benchmark's `items` is not set."""


class Prompt(NamedTuple):
    """One prompt of a generated benchmark.

    Attributes:
        id: Hash of the prompt's content.
        cluster: What prompts share (task family, kind of constraint, ...).
        text: What the model is asked.
        data: What the check needs: JSON values.
    """

    id: str
    cluster: str
    text: str
    data: dict[str, Any]


def file_name(benchmark: BenchmarkConfig) -> str:
    """Return the name of the prompts' file in the items artifact."""
    return f"prompts/{benchmark_key(benchmark)}.jsonl"


def write_prompts(
    kind: str, benchmark: BenchmarkConfig, folder: Path, seed: int, data: Path | None
) -> list[Prompt]:
    """Write the prompts of a benchmark that models answer freely.

    Args:
        kind: Kind of the benchmark; kinds without prompts of their own write nothing.
        benchmark: The benchmark; its `items` is the number of prompts (None: the default).
        folder: Folder of the items artifact.
        seed: Seed of the draw.
        data: Folder with the rows of benchmarks that have some.
    """
    if kind == "database":
        prompts = database(benchmark, folder, seed, data)
        rows.write_rows(folder / file_name(benchmark), [one._asdict() for one in prompts])
        return prompts
    source = SOURCES.get(kind)
    if source is None:
        return []
    prompts = source(benchmark.items, seed)
    rows.write_rows(folder / file_name(benchmark), [one._asdict() for one in prompts])
    return prompts


def read_prompts(items: Manifest, benchmark: BenchmarkConfig) -> list[Prompt]:
    """Read the prompts of a benchmark from the items artifact."""
    return [Prompt(**row) for row in rows.read_rows(items.path(file_name(benchmark)))]


def make(benchmark: str, cluster: str, text: str, data: dict[str, Any]) -> Prompt:
    """Make a prompt; its id follows from its content."""
    name = digest({"benchmark": benchmark, "text": text, "data": data})[:16]
    return Prompt(name, cluster, text, data)


def verifiable(count: int | None, seed: int) -> list[Prompt]:
    """Draw different held-out instructions of the closed world, spread over its task families."""
    from synthetic_instruction_tuner import sandbox

    count = count or DEFAULT_ITEMS
    drawn = sandbox.held_out_prompts(3 * count, seed)
    distinct = {one.instruction: one for one in drawn}
    if len(distinct) < count:
        raise ConfigurationError(
            f"the closed world has only {len(distinct)} different held-out prompts here; "
            f"set items of benchmark 'verifiable' to at most that (it is {count})"
        )
    chosen = list(distinct.values())[:count]
    return [
        make(
            "verifiable",
            one.family,
            one.instruction,
            {"answer": one.answer, "domain": one.domain, "wording": one.wording},
        )
        for one in chosen
    ]


def instructions(count: int | None, seed: int) -> list[Prompt]:
    """Draw prompts with constraints that a program can check."""
    from synthetic_instruction_tuner.evaluation.instructions import drawing

    return drawing.draw(count or DEFAULT_ITEMS, seed)


def retention(count: int | None, seed: int) -> list[Prompt]:
    """Choose facts whose knowledge training should not cost."""
    from synthetic_instruction_tuner.evaluation import retention as facts

    return facts.draw(count or DEFAULT_ITEMS, seed)


def agent(count: int | None, seed: int) -> list[Prompt]:
    """Draw the agent suite; all of it if no number is given."""
    from synthetic_instruction_tuner.evaluation import agent_suite

    return agent_suite.draw(count, seed)


def database(
    benchmark: BenchmarkConfig, folder: Path, seed: int, data: Path | None
) -> list[Prompt]:
    """Take database tasks in AgentBench's format from the data folder."""
    from synthetic_instruction_tuner.evaluation import agent_suite

    path = None if data is None else data / agent_suite.DATABASE
    if path is None or not path.is_file():
        raise ConfigurationError(
            f"benchmark {benchmark.name!r} needs {agent_suite.DATABASE} in evaluation.data_dir "
            f"({data}): data/dbbench/standard.jsonl of https://github.com/THUDM/AgentBench"
        )
    return agent_suite.adopt_database(path, folder, benchmark.items, seed)


SOURCES: Mapping[str, Callable[[int | None, int], list[Prompt]]] = {
    "verifiable": verifiable,
    "instructions": instructions,
    "retention": retention,
    "agent": agent,
}
"""Where prompts come from, by kind of benchmark."""
