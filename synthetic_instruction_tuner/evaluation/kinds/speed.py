"""Generation speed: the same prompts, the same number of tokens, warmed up, repeated.

Time to the first token and time a token after it, side by side 1 and 8 answers; median and
interquartile range over the repetitions. The end of an answer is not obeyed, so that all models
write the same number of tokens. An adapter that can become part of the weights is timed both ways.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.config import BenchmarkConfig
from synthetic_instruction_tuner.evaluation import generation
from synthetic_instruction_tuner.evaluation.trial import Outcome, Trial
from synthetic_instruction_tuner.models.chat import tokenize
from synthetic_instruction_tuner.models.engines.forward import Forward

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

BATCHES = (1, 8)
WARM_UPS, REPEATS = 2, 7
NEW_TOKENS = 32
PROMPT = "Name three things one can do on a rainy day and say why each of them is pleasant."


def run(trial: Trial) -> Outcome:
    """Time one model."""
    text = generation.render(
        trial.student,
        [{"role": "user", "content": PROMPT}],
        trial.settings.chat_template != "never",
    )
    prompt = tokenize(trial.student.tokenizer, text)
    new_tokens = min(NEW_TOKENS, trial.limit - len(prompt))
    started = time.perf_counter()
    repeats = rounds(trial.benchmark)
    runs: dict[str, Any] = {}
    for done, size in enumerate(BATCHES, start=1):
        runs[f"batch_{size}"] = measure(trial.student.wrapped, prompt, size, new_tokens, repeats)
        trial.progress.update(done, len(BATCHES), "batch sizes")
    if can_merge(trial):
        with merged(trial.student.wrapped):
            for size in BATCHES:
                one = measure(trial.student.wrapped, prompt, size, new_tokens, repeats)
                runs[f"merged_batch_{size}"] = one
    throughput = runs[f"batch_{BATCHES[-1]}"]["tokens_per_second"]["median"]
    conditions = {
        "prompt_tokens": len(prompt), "new_tokens": new_tokens, "repeats": repeats,
        "warm_ups": WARM_UPS, "batches": list(BATCHES),
    }  # fmt: skip
    scores = {"tokens_per_second": throughput}
    seconds = time.perf_counter() - started
    measured = {"speed": runs, "device_name": device_name(trial.student.model)}
    return Outcome([], scores, conditions, measured, seconds)


def can_merge(trial: Trial) -> bool:
    """Tell whether the adapter can be added to the weights: not to packed ones, without loss."""
    arm, wrapped = trial.subject.arm, trial.student.wrapped
    if arm is None or not arm.limits().merges or wrapped is trial.student.model:
        return False
    return not getattr(trial.student.model, "is_quantized", False)


@contextmanager
def merged(wrapped: Any) -> Iterator[None]:
    """Add the adapter to the weights, and put the very same weights back afterwards.

    PEFT subtracts what it added, which leaves rounding errors in a base that other arms share.
    """
    import torch
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [one for one in wrapped.modules() if isinstance(one, BaseTunerLayer)]
    weights = [layer.get_base_layer().weight for layer in layers]
    held = [weight.detach().to("cpu", copy=True) for weight in weights]
    wrapped.merge_adapter()
    try:
        yield
    finally:
        wrapped.unmerge_adapter()
        with torch.no_grad():
            for weight, before in zip(weights, held, strict=True):
                weight.copy_(before)


def device_name(model: PreTrainedModel) -> str:
    """Return the GPU's name, or "cpu"."""
    import torch

    return torch.cuda.get_device_name(model.device) if model.device.type == "cuda" else "cpu"


def rounds(benchmark: BenchmarkConfig) -> int:
    """Return how often each timing is repeated; quartiles need two."""
    return max(2, benchmark.items or REPEATS)


def measure(
    model: PreTrainedModel, prompt: tuple[int, ...], size: int, new_tokens: int, repeats: int
) -> dict[str, Any]:
    """Time so many answers side by side.

    Returns:
        Median and quartiles of first_token_seconds, seconds_per_token and tokens_per_second.
    """
    timed = [_once(model, prompt, size, new_tokens) for _ in range(WARM_UPS + repeats)][WARM_UPS:]
    first = [one[0] for one in timed]
    later = [one[1] / (new_tokens - 1) for one in timed]
    rate = [size * new_tokens / sum(one) for one in timed]
    return {
        "first_token_seconds": summary(first),
        "seconds_per_token": summary(later),
        "tokens_per_second": summary(rate),
    }


def summary(values: Sequence[float]) -> dict[str, float]:
    """Return median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return {"median": middle, "quartile_1": low, "quartile_3": high}


def _once(
    model: PreTrainedModel, prompt: tuple[int, ...], size: int, new_tokens: int
) -> tuple[float, float]:
    """Return the seconds to the first token, and those of all later tokens together."""
    import torch

    forward = Forward(model)
    with torch.inference_mode():
        start = _now(forward.device)
        logits, cache = forward.read([prompt] * size)
        tokens = logits.argmax(-1).tolist()
        first = _now(forward.device)
        length = forward.virtual_tokens + len(prompt)
        for step in range(new_tokens - 1):
            logits = forward.step(tokens, [length + step] * size, length + step, cache)
            tokens = logits.argmax(-1).tolist()
        return first - start, _now(forward.device) - first


def _now(device: torch.device) -> float:
    """Read the clock when the device has finished its work."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)
    return time.perf_counter()
