"""The default engine: a transformers model with continuous batching and one stream a request."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.models.engines.forward import Forward
from synthetic_instruction_tuner.models.engines.protocol import Completion, Finished, Request
from synthetic_instruction_tuner.models.engines.running import Row, RunningBatch
from synthetic_instruction_tuner.models.loading import end_ids
from synthetic_instruction_tuner.models.memory_errors import free_memory, is_out_of_memory
from synthetic_instruction_tuner.progress import Progress, Silent

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

logger = logging.getLogger(__name__)

REFILL_BELOW = 0.75
"""Newcomers are read when less than this share of the batch is under way: reading a prompt costs
about as much as a step of all rows, so joining one by one would not pay."""


class TransformersEngine:
    """Draws with a loaded model, with or without an adapter.

    Args:
        model: A transformers causal language model, or a PEFT model around one.
        tokenizer: Its tokenizer.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
        self.model, self.tokenizer = model.eval(), tokenizer
        self.end_ids = end_ids(model.generation_config)
        self.revision: str | None = getattr(model.config, "_commit_hash", None)
        self._limit: int | None = None  # what memory has allowed so far; None: never ran out

    @property
    def device_name(self) -> str:
        """The GPU's name, or "cpu"."""
        import torch

        device = Forward(self.model).device
        return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device.type)

    def generate(
        self,
        requests: Sequence[Request],
        batch_size: int,
        progress: Progress | None = None,
        finished: Finished | None = None,
    ) -> list[Completion]:
        """Continue every prompt; see `protocol.Engine`.

        When memory runs out, the batch is halved for the rest of this engine's life, and the rows
        go on where they were: their streams are counted by token, so nothing is drawn twice.
        """
        import torch

        rows = sorted((Row(*pair) for pair in enumerate(requests)), key=_longest_first)
        done: dict[int, Completion] = {}
        forward = Forward(self.model)
        limit = min(batch_size, self._limit or batch_size)
        batch, waiting = RunningBatch(forward, done), deque(rows)
        speed, told = _Speed(progress or Silent()), 0
        with torch.inference_mode():
            while len(done) < len(rows):
                problem = _turn(batch, waiting, limit)
                if problem is not None:
                    limit = self._limit = _halved(limit, problem)
                    batch = RunningBatch(forward, done, batch.drawn)
                    waiting = deque(row for row in rows if row.index not in done)
                    free_memory()
                if finished is not None:
                    for place in islice(done, told, None):
                        finished(place, done[place])
                    told = len(done)
                speed.report(len(done), len(rows), batch.drawn)
        return [done[index] for index in range(len(rows))]


class _Speed:
    """Passes on progress whenever a request has finished, with tokens a second."""

    def __init__(self, progress: Progress) -> None:
        self._progress, self._started, self._done = progress, time.monotonic(), 0

    def report(self, done: int, total: int, tokens: int) -> None:
        if done == self._done:
            return
        self._done = done
        rate = tokens / max(time.monotonic() - self._started, 1e-9)
        self._progress.update(done, total, f"{rate:.0f} tokens/s")


def _turn(batch: RunningBatch, waiting: deque[Row], limit: int) -> str | None:
    """Let newcomers in if there is room for enough of them, then draw one token a row.

    Returns:
        The message if memory ran out, else None. (Returned, not raised: an exception would keep
        the batch's tensors alive.)
    """
    try:
        if waiting and len(batch.rows) <= limit * REFILL_BELOW:
            room = min(limit - len(batch.rows), len(waiting))
            batch.admit([waiting.popleft() for _ in range(room)])
        if batch.rows:
            batch.advance()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return str(error)
    return None


def _halved(limit: int, problem: str) -> int:
    if limit == 1:
        raise StageError(f"one sample does not fit into memory: {problem}")
    logger.warning("out of memory: going on with %d samples side by side", limit // 2)
    return limit // 2


def _longest_first(row: Row) -> tuple[int, tuple[int, ...], int]:
    """Long prompts first: equal ones side by side, memory trouble early, little padding."""
    return -len(row.request.prompt), row.request.prompt, row.request.seed
