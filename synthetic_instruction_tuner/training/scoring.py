"""Log-probabilities of responses under the current weights, without gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from synthetic_instruction_tuner.training.data import Row
from synthetic_instruction_tuner.training.order import micro_batches
from synthetic_instruction_tuner.training.parallel import Group

Scores = list[tuple[float, ...]]


def score(
    model: Any,
    rows: Sequence[Row],
    size: int,
    tensors: Callable[[Sequence[Row]], dict[str, Any]],
    between: Callable[[], None],
    group: Group,
) -> Scores:
    """Return the log-probability of every response of every row, in every process.

    Args:
        model: Model with TRL's fused output layer.
        rows: Rows, all with the same number of responses.
        size: Rows a forward pass.
        tensors: Collates rows onto the model's device.
        between: Called before each forward pass; may raise to end the pass.
        group: The processes; each scores every n-th part, and all do as many passes.
    """
    import torch

    width = len(rows[0].responses)
    order = sorted(range(len(rows)), key=lambda index: -rows[index].length)
    parts = micro_batches(order, size)
    flat = [0.0] * (len(rows) * width)
    with _evaluating(model), torch.no_grad():
        for start in range(0, len(parts), group.size):
            between()
            own = start + group.rank
            part = parts[min(own, len(parts) - 1)]
            batch = tensors([rows[index] for index in part])
            values = _log_probabilities(model, batch).view(width, len(part)).T.tolist()
            for index, one in zip(part, values, strict=True):
                if own < len(parts):
                    flat[index * width : (index + 1) * width] = one
    flat = group.total(flat)
    return [tuple(flat[start : start + width]) for start in range(0, len(flat), width)]


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
