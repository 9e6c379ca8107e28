"""Drawing the prompts that models answer freely, and those on which the base's prompt is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.evaluation import prompts, rows
from synthetic_instruction_tuner.evaluation.kinds import kind_of
from synthetic_instruction_tuner.evaluation.prompts import Files, Prompt


def write_prompts(benchmark: BenchmarkConfig, seed: int, files: Files) -> list[Prompt]:
    """Write the prompts of a benchmark; a kind without prompts of its own writes nothing."""
    draw = kind_of(benchmark).draw
    if draw is None:
        return []
    drawn = draw(benchmark, seed, files)
    rows.write_rows(files.folder / prompts.file_name(benchmark), [one._asdict() for one in drawn])
    return drawn


def write_selection(
    benchmark: BenchmarkConfig, seed: int, files: Files, most: int, measured: Sequence[Prompt]
) -> list[Prompt]:
    """Write prompts on which the base's prompt is chosen: none of them is measured.

    They are drawn like the measured ones, with another seed, or left over of a fixed set. Of a
    set that is measured whole there are none.
    """
    kind = kind_of(benchmark)
    if kind.draw_others is not None:
        drawn = kind.draw_others(benchmark, seed, files)
    elif kind.draw is not None:
        some = benchmark.model_copy(update={"items": most})
        drawn = kind.draw(some, prompts.selection_seed(seed), files)
    else:
        drawn = []
    taken = {one.text for one in measured}
    kept = [one for one in drawn if one.text not in taken][:most]
    path = files.folder / prompts.file_name(benchmark, selecting=True)
    rows.write_rows(path, [one._asdict() for one in kept])
    return kept
