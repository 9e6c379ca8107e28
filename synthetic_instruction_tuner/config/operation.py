"""The settings of running a study: prices, sessions, machines. None changes the data."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field

from synthetic_instruction_tuner.settings import Settings


class CostConfig(Settings):
    """Prices for cost estimates; read them as of the date they carry."""

    compute_units_per_hour: dict[str, float] = Field(
        default_factory=lambda: {"T4": 1.19, "L4": 2.09, "A100": 7.62, "H100": 14.0}
    )
    """Colab compute units an hour by GPU."""
    money_per_unit: float = Field(default=0.1, ge=0)
    """US dollars a compute unit (Colab sells 100 for 9.99)."""
    source: str = (
        "Colab's own display of units per hour; pay-as-you-go price 9.99 USD per 100 units"
    )
    """Where the prices come from."""


class SessionConfig(Settings):
    """How much one session may do before it leaves at a chunk boundary."""

    minutes: float | None = Field(default=None, gt=0)
    """Minutes of work; None: no limit."""
    samples: int | None = Field(default=None, ge=1)
    """Samples drawn; None: no limit."""
    compute_units: float | None = Field(default=None, gt=0)
    """Colab compute units by `costs.compute_units_per_hour` for this GPU; None: no limit."""


class RunnerConfig(Settings):
    """Where the pieces of a study that do not need each other are made; never changes the data."""

    kind: Literal["local", "workers", "ray"] = "local"
    """local: the run itself, one after the other; workers: the run and every free worker of the
    pool (needs `tuner deploy`); ray: a Ray cluster (needs prefect-ray)."""
    parallel: int = Field(default=2, ge=1, le=1000)
    """Pieces under way at once, at most."""
    stages: tuple[Literal["generation", "preference", "training", "evaluation"], ...] = (
        "generation",
        "preference",
    )
    """Whose pieces: chunks of samples and responses, arms, results. Arms and results are compared
    with each other, so leave them out unless the machines are alike."""
    address: str | None = None
    """Ray cluster, for example ray://host:10001; None: a small one on this machine."""
    gpus: float = Field(default=0, ge=0)
    """GPUs that Ray reserves for a piece; with 0 a piece sees none."""


def gpu_of(device: str, prices: CostConfig) -> str | None:
    """Find the priced GPU in a device name ("Tesla T4", "NVIDIA A100-SXM4-40GB")."""
    for gpu in prices.compute_units_per_hour:
        if re.search(rf"\b{re.escape(gpu)}\b", device):
            return gpu
    return None
