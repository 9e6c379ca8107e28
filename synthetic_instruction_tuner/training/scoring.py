"""Log-probabilities of responses under the current weights, without gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from synthetic_instruction_tuner.training.data import Row
from synthetic_instruction_tuner.training.order import micro_batches

Scores = list[tuple[float, ...]]


def score(
    model: Any,
    rows: Sequence[Row],
    size: int,
    tensors: Callable[[Sequence[Row]], dict[str, Any]],
    between: Callable[[], None],
) -> Scores:
    """Return the log-probability of every response of every row.

    Args:
        model: Model with TRL's fused output layer.
        rows: Rows, all with the same number of responses.
        size: Rows a forward pass.
        tensors: Collates rows onto the model's device.
        between: Called before each forward pass; may raise to end the pass.
    """
    import torch

    width = len(rows[0].responses)
    order = sorted(range(len(rows)), key=lambda index: -rows[index].length)
    scores: dict[int, tuple[float, ...]] = {}
    with _evaluating(model), torch.no_grad():
        for part in micro_batches(order, size):
            between()
            batch = tensors([rows[index] for index in part])
            values = _log_probabilities(model, batch).view(width, len(part)).T.tolist()
            scores |= dict(zip(part, (tuple(one) for one in values), strict=True))
    return [scores[index] for index in range(len(rows))]


def _log_probabilities(model: Any, batch: dict[str, Any]) -> Any:
    labels = batch.get("labels")
    if labels is None:
        labels = batch["input_ids"].masked_fill(batch["completion_mask"] == 0, -100)
    outputs = model(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        labels=labels,
        use_cache=False,
        fused_lm_head=True,
    )
    return outputs.log_probs.float().sum(dim=1)


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    model.eval()
    try:
        yield
    finally:
        model.train()
