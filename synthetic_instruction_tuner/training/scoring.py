"""Log-probabilities of responses under the current weights, without gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.methods.losses.pairwise import log_probabilities
from synthetic_instruction_tuner.methods.losses.rows import Row
from synthetic_instruction_tuner.models.memory_errors import free_memory, is_out_of_memory
from synthetic_instruction_tuner.training.order import micro_batches
from synthetic_instruction_tuner.training.parallel import Group
from synthetic_instruction_tuner.training.state import Emit

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Scores = list[tuple[float, ...]]


class Scorer:
    """Scores rows with as many at once as the memory takes.

    Args:
        model: Model with TRL's fused output layer.
        tensors: Collates rows onto the model's device.
        between: Called before each forward pass; may raise to end the pass.
        group: The processes; each scores every n-th part, and all do as many passes.
        emit: Is told when fewer rows are scored at once.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tensors: Callable[[Sequence[Row]], dict[str, Any]],
        between: Callable[[], None],
        group: Group,
        emit: Emit,
    ) -> None:
        self._model, self._tensors, self._between = model, tensors, between
        self._group, self._emit = group, emit
        self._most = 1 if group.size > 1 else 32 if group.device == "cpu" else 8

    def score(self, rows: Sequence[Row], least: int) -> Scores:
        """Return the log-probability of every response of every row, in every process.

        Args:
            rows: Rows, all with the same number of responses.
            least: Rows that went through together in training, so that scoring takes them, too.
        """
        while True:
            size = max(least, self._most)
            try:
                return self._score(rows, size)
            except Exception as error:
                if not is_out_of_memory(error) or size == least:
                    raise
            self._most = size // 2
            free_memory()
            self._emit("notice", text=f"out of memory: {size} -> {size // 2} rows scored at once")

    def _score(self, rows: Sequence[Row], size: int) -> Scores:
        import torch

        width, group = len(rows[0].responses), self._group
        order = sorted(range(len(rows)), key=lambda index: -rows[index].length)
        parts = micro_batches(order, size)
        flat = [0.0] * (len(rows) * width)
        with _evaluating(self._model), torch.no_grad():
            for start in range(0, len(parts), group.size):
                self._between()
                own = start + group.rank
                part = parts[min(own, len(parts) - 1)]
                batch = self._tensors([rows[index] for index in part])
                values = log_probabilities(self._model, batch).view(width, len(part)).T.tolist()
                for index, one in zip(part, values, strict=True):
                    if own < len(parts):
                        flat[index * width : (index + 1) * width] = one
        flat = group.total(flat)
        return [tuple(flat[start : start + width]) for start in range(0, len(flat), width)]


@contextmanager
def _evaluating(model: PreTrainedModel) -> Iterator[None]:
    model.eval()
    try:
        yield
    finally:
        model.train()
