"""The language-model training loop: constant rate, decay at the end, averaged weights."""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

from synthetic_instruction_tuner.sandbox.workshop.batches import Batch
from synthetic_instruction_tuner.sandbox.workshop.optimizer import Optimizer

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM

MATRIX_RATE: Final = 0.02
OTHER_RATE: Final = 0.004
_WARM_UP_STEPS: Final = 100
_DECAY_SHARE: Final = 0.3
_AVERAGE: Final = 0.998


class Progress(NamedTuple):
    """Where a training run stands."""

    name: str
    tokens: int
    total: int
    loss: float
    seconds: float

    def __str__(self) -> str:
        """One line for the log."""
        rate = self.tokens / max(self.seconds, 1e-9)
        left = (self.total - self.tokens) / max(rate, 1e-9)
        return (
            f"{self.name}: {self.tokens / 1e6:.2f} of {self.total / 1e6:.2f} M tokens, "
            f"loss {self.loss:.4f}, "
            f"{rate:.0f} tokens/s, {left / 60:.1f} min left"
        )


def rate_factor(step: int, done: float, warm_up: int = _WARM_UP_STEPS) -> float:
    """Warm up, stay, and fall linearly to nothing over the last part (`done` in 0..1)."""
    return min(1.0, (step + 1) / warm_up, max(0.0, (1 - done) / _DECAY_SHARE))


def weighted_loss(logits: "torch.Tensor", batch: Batch) -> "torch.Tensor":
    """Cross-entropy of the targets, weighed by position; logits are (rows, length, vocabulary)."""
    import torch

    flat = logits[:, :-1].reshape(-1, logits.shape[-1])
    losses = torch.nn.functional.cross_entropy(
        flat, batch.targets.reshape(-1), ignore_index=-100, reduction="none"
    )
    weights = batch.weights.reshape(-1)
    return (losses * weights).sum() / weights.sum()


class Average:
    """A running average of a model's weights: near the quality of a decayed run at any moment."""

    def __init__(self, model: "torch.nn.Module") -> None:
        """Start from the model's present weights."""
        self.weights = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def update(self, model: "torch.nn.Module", step: int) -> None:
        """Move towards the model's weights; faster in the first steps."""
        import torch

        keep = min(_AVERAGE, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, value in model.state_dict().items():
                self.weights[name].lerp_(value, 1 - keep)


def train(
    name: str,
    model: "LlamaForCausalLM",
    rows: Iterator[Batch],
    tokens: int,
    *,
    matrix_rate: float = MATRIX_RATE,
    other_rate: float = OTHER_RATE,
    snapshots: tuple[int, ...] = (),
    on_snapshot: Callable[[int, dict[str, "torch.Tensor"]], None] | None = None,
) -> Progress:
    """Train a language model in place; it ends with the averaged weights.

    Args:
        name: Name in the log.
        model: The model.
        rows: Endless batches.
        tokens: Number of real tokens to train on.
        matrix_rate: Peak rate of the layers' matrices.
        other_rate: Peak rate of embeddings and norms.
        snapshots: Token counts at which `on_snapshot` receives the averaged weights.
        on_snapshot: Called with the index of the snapshot and the weights.
    """
    import torch

    device = next(model.parameters()).device
    optimizer, average = Optimizer(model, matrix_rate, other_rate), Average(model)
    seen, step, start, said, smooth = 0, 0, time.monotonic(), 0.0, 0.0
    pending = list(enumerate(sorted(snapshots)))
    model.train()
    while seen < tokens:
        batch = next(rows)
        batch = batch.to(device)
        loss = weighted_loss(model(input_ids=batch.ids, use_cache=False).logits, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(rate_factor(step, seen / tokens))
        average.update(model, step)
        seen, step = seen + batch.tokens, step + 1
        smooth += (loss.item() - smooth) / min(step, 50)
        if pending and seen >= pending[0][1] and on_snapshot:
            on_snapshot(pending.pop(0)[0], average.weights)
        if time.monotonic() - said > 20:
            said = time.monotonic()
            print(Progress(name, seen, tokens, smooth, said - start), flush=True)
    model.load_state_dict(average.weights)
    model.eval()
    done = Progress(name, seen, tokens, smooth, time.monotonic() - start)
    print(done, flush=True)
    return done
