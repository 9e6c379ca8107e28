"""What drawing has cost so far and what more of it will cost: hours, compute units, money."""

from __future__ import annotations

from dataclasses import dataclass

from synthetic_instruction_tuner.analysis.efficiency import gpu_of
from synthetic_instruction_tuner.config import CostConfig
from synthetic_instruction_tuner.generation.store import chunk_manifests, missing_spans
from synthetic_instruction_tuner.study import Study


@dataclass(frozen=True)
class GenerationCost:
    """Work and price of some samples.

    Attributes:
        samples: Samples drawn (those taken over from smaller limits cost nothing and count not).
        tokens: Tokens drawn.
        seconds: Working time.
        gpu: The priced GPU it ran on; None for a CPU, a server, a GPU without a price, or several.
        compute_units: Colab compute units; None where `gpu` is.
        money: US dollars; None where `gpu` is.
    """

    samples: int
    tokens: int
    seconds: float
    gpu: str | None
    compute_units: float | None
    money: float | None

    @property
    def tokens_per_second(self) -> float | None:
        """Rate; None before anything was drawn."""
        return self.tokens / self.seconds if self.seconds else None

    @property
    def samples_per_hour(self) -> float | None:
        """Rate; None before anything was drawn."""
        return 3600 * self.samples / self.seconds if self.seconds else None


def spent(study: Study) -> GenerationCost:
    """Sum up the chunks that are there."""
    facts = [manifest.facts for manifest in chunk_manifests(study)]
    devices = {str(one["device"]) for one in facts}
    return _priced(
        samples=sum(int(one["samples"]) - int(one["reused"]) for one in facts),
        tokens=sum(int(one["tokens"]) for one in facts),
        seconds=sum(float(one["seconds"]) for one in facts),
        device=devices.pop() if len(devices) == 1 else "",
        prices=study.config.costs,
    )


def outlook(study: Study, upto: int) -> GenerationCost | None:
    """Estimate what drawing the rest of 0..upto-1 will take, at the rate so far.

    Returns:
        The estimate, None before anything was drawn.
    """
    done = spent(study)
    if not done.samples:
        return None
    missing = sum(last - first + 1 for first, last in missing_spans(study, upto))
    share = missing / done.samples
    return GenerationCost(
        samples=missing,
        tokens=round(done.tokens * share),
        seconds=done.seconds * share,
        gpu=done.gpu,
        compute_units=None if done.compute_units is None else done.compute_units * share,
        money=None if done.money is None else done.money * share,
    )


def _priced(
    samples: int, tokens: int, seconds: float, device: str, prices: CostConfig
) -> GenerationCost:
    gpu = gpu_of(device, prices)
    units = None if gpu is None else seconds / 3600 * prices.compute_units_per_hour[gpu]
    money = None if units is None else units * prices.money_per_unit
    return GenerationCost(samples, tokens, seconds, gpu, units, money)
