"""What is measured on what: a model under test and a benchmark, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.methods import MethodConfig

BASE = "base"
TRIALS = "trials/"
"""Before the names of what trials make."""


@dataclass(frozen=True)
class Subject:
    """A model under test: the base, or one arm trained with one seed.

    Attributes:
        name: "base", "sft", or "sft-seed43" for a further seed.
        arm: The arm's settings; None for the base.
        seed: The training seed; None for the base.
        tuned: Name of the arm as specified, if this is that arm with the best settings tried.
    """

    name: str
    arm: MethodConfig | None = None
    seed: int | None = None
    tuned: str | None = None


class Trial(NamedTuple):
    """An arm with other settings, trained to be judged by the validation split alone.

    Attributes:
        of: Name of the arm as specified.
        number: 1, 2, 3, ...
        arm: Its settings.
        seed: The training seed.
    """

    of: str
    number: int
    arm: MethodConfig
    seed: int

    @property
    def name(self) -> str:
        """Name of what it makes."""
        return f"{TRIALS}{self.of}/{self.number:03d}"


class Reading(NamedTuple):
    """The base on a benchmark whose answers it writes, asked in one form.

    Attributes:
        benchmark: What it is asked.
        prompt: Name of the form (see `config.base_prompts`).
        selecting: Whether the items are those on which the best form is chosen.
    """

    benchmark: BenchmarkConfig
    prompt: str
    selecting: bool


def benchmark_key(benchmark: BenchmarkConfig) -> str:
    """Return a benchmark's folder and column name."""
    return benchmark.key
