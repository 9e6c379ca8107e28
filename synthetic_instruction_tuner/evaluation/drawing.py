"""Drawing the prompts that models answer freely, and those on which the base's prompt is chosen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.evaluation import prompts, rows
from synthetic_instruction_tuner.evaluation.prompts import Prompt


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
        drawn = database(benchmark, folder, seed, data)
        rows.write_rows(folder / prompts.file_name(benchmark), [one._asdict() for one in drawn])
        return drawn
    source = SOURCES.get(kind)
    if source is None:
        return []
    drawn = source(benchmark, seed)
    rows.write_rows(folder / prompts.file_name(benchmark), [one._asdict() for one in drawn])
    return drawn


def write_selection(
    kind: str,
    benchmark: BenchmarkConfig,
    folder: Path,
    seed: int,
    most: int,
    measured: Sequence[Prompt],
) -> list[Prompt]:
    """Write prompts on which the base's prompt is chosen: none of them is measured.

    They are drawn like the measured ones, with another seed, or left over of a fixed set. Of a
    set that is measured whole there are none.
    """
    if kind == "database":
        from synthetic_instruction_tuner.evaluation.kinds import agent_suite

        drawn = agent_suite.database_prompts(folder, seed)
    else:
        some = benchmark.model_copy(update={"items": most})
        drawn = SOURCES[kind](some, prompts.selection_seed(seed))
    taken = {one.text for one in measured}
    kept = [one for one in drawn if one.text not in taken][:most]
    path = folder / prompts.file_name(benchmark, selecting=True)
    rows.write_rows(path, [one._asdict() for one in kept])
    return kept


def verifiable(benchmark: BenchmarkConfig, seed: int) -> list[Prompt]:
    """Draw different held-out instructions of the closed world, spread over its task families."""
    from synthetic_instruction_tuner import sandbox

    count = benchmark.items or prompts.DEFAULT_ITEMS
    drawn = sandbox.held_out_prompts(3 * count, seed)
    distinct = {one.instruction: one for one in drawn}
    if len(distinct) < count:
        raise ConfigurationError(
            f"the closed world has only {len(distinct)} different held-out prompts here; "
            f"set items of benchmark 'verifiable' to at most that (it is {count})"
        )
    chosen = list(distinct.values())[:count]
    return [
        prompts.make(
            "verifiable",
            one.family,
            one.instruction,
            {"answer": one.answer, "domain": one.domain, "wording": one.wording},
        )
        for one in chosen
    ]


def instructions(benchmark: BenchmarkConfig, seed: int) -> list[Prompt]:
    """Draw prompts with constraints that a program can check."""
    from synthetic_instruction_tuner.evaluation.instructions import drawing

    return drawing.draw(benchmark.items or prompts.DEFAULT_ITEMS, seed)


def retention(benchmark: BenchmarkConfig, seed: int) -> list[Prompt]:
    """Choose facts whose knowledge training should not cost."""
    from synthetic_instruction_tuner.evaluation.kinds import retention as facts

    return facts.draw(benchmark.name, benchmark.items or prompts.DEFAULT_ITEMS, seed)


def agent(benchmark: BenchmarkConfig, seed: int) -> list[Prompt]:
    """Draw the agent suite; all of it if no number is given."""
    from synthetic_instruction_tuner.evaluation.kinds import agent_suite

    return agent_suite.draw(benchmark.name, benchmark.items, seed)


def database(
    benchmark: BenchmarkConfig, folder: Path, seed: int, data: Path | None
) -> list[Prompt]:
    """Take database tasks in AgentBench's format from the data folder."""
    from synthetic_instruction_tuner.evaluation.kinds import agent_suite

    path = None if data is None else data / agent_suite.DATABASE
    if path is None or not path.is_file():
        raise ConfigurationError(
            f"benchmark {benchmark.name!r} needs {agent_suite.DATABASE} in evaluation.data_dir "
            f"({data}): data/dbbench/standard.jsonl of https://github.com/THUDM/AgentBench"
        )
    return agent_suite.adopt_database(path, folder, benchmark.items, seed)


SOURCES: Mapping[str, Callable[[BenchmarkConfig, int], list[Prompt]]] = {
    "verifiable": verifiable,
    "instructions": instructions,
    "retention": retention,
    "agent": agent,
}
"""Where prompts come from, by kind of benchmark."""
