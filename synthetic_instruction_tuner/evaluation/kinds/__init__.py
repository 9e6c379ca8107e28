"""What a kind of benchmark is: one file that draws its items and scores a model on them.

A file has `run(trial)`; where the project writes the prompts itself, also `draw(benchmark, seed,
files)`, and where these are a fixed set, `draw_others(benchmark, seed, files)`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple, Protocol

from synthetic_instruction_tuner.benchmarks import benchmark_named
from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.discovery import discover
from synthetic_instruction_tuner.evaluation.prompts import Files, Prompt
from synthetic_instruction_tuner.evaluation.trial import Outcome, Trial

Draw = Callable[[BenchmarkConfig, int, Files], list[Prompt]]


class KindFile(Protocol):
    """What a file of this package has at least."""

    @staticmethod
    def run(trial: Trial, /) -> Outcome:
        """Measure one model."""


class Kind(NamedTuple):
    """A kind of benchmark.

    Attributes:
        run: Measures one model.
        draw: Draws prompts with a seed; None: the kind has none of its own.
        draw_others: Puts all prompts of a fixed set in a seeded order, of which those that are
            not measured are taken; None: `draw` draws as many as one likes.
    """

    run: Callable[[Trial], Outcome]
    draw: Draw | None = None
    draw_others: Draw | None = None


@cache
def all_kinds() -> Mapping[str, Kind]:
    """Return the kinds of benchmarks by name."""
    found = discover(sys.modules[__name__], KindFile)
    return {
        name: Kind(module.run, getattr(module, "draw", None), getattr(module, "draw_others", None))
        for name, module in found.items()
    }


def kind_of(benchmark: BenchmarkConfig) -> Kind:
    """Return the kind of a benchmark."""
    return all_kinds()[benchmark_named(benchmark.name).kind]
