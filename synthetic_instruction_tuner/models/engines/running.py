"""The running batch of the transformers engine: rows join, advance a token, and leave.

All rows are aligned at their right end, so a row of length n sees the last n columns of the
key-value cache and the mask follows from the lengths alone. A row that has finished leaves at
once; others take its place without waiting for the slowest (continuous batching).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.models.engines import sampling
from synthetic_instruction_tuner.models.engines.forward import Forward
from synthetic_instruction_tuner.models.engines.protocol import Completion, Request

if TYPE_CHECKING:
    import torch
    from transformers import Cache


@dataclass
class Row:
    """A request on its way.

    Attributes:
        index: Its place among the requests.
        tokens: What was drawn so far; the stream goes on at `len(tokens)`.
    """

    index: int
    request: Request
    tokens: list[int] = field(default_factory=list)

    @property
    def text(self) -> tuple[int, ...]:
        """Prompt and everything drawn: what a cache must hold to go on."""
        return self.request.prompt + tuple(self.tokens)

    @property
    def read(self) -> int:
        """Tokens that are in the cache: all but the one that was drawn last."""
        return len(self.request.prompt) + len(self.tokens) - 1

    def take(self, token: int) -> Completion | None:
        """Append a token; return the completion if it is the last one."""
        if token < 0:
            raise StageError(
                "the model returned NaN: its compute type overflows; try dtype=float32 or bfloat16"
            )
        self.tokens.append(token)
        until = self.request.until
        if token in self.request.stop or (until is not None and until(self.tokens)):
            return Completion(tuple(self.tokens), "stop")
        if len(self.tokens) >= self.request.sampling.max_new_tokens:
            return Completion(tuple(self.tokens), "length")
        return None


class RunningBatch:
    """Rows under way side by side on one model.

    Args:
        forward: The model as two operations.
        done: Receives completions by place as they end.
        drawn: Tokens drawn before, for the rate.
    """

    def __init__(self, forward: Forward, done: dict[int, Completion], drawn: int = 0) -> None:
        self.forward, self.done, self.drawn = forward, done, drawn
        self.rows: list[Row] = []
        self.cache: Cache = None
        self.columns = 0  # of the cache

    def admit(self, rows: Sequence[Row]) -> None:
        """Read the rows' prompts, draw their next token, and let those that go on join.

        Equal prompts are read once: all Magpie prompts of a domain are the same.
        """
        texts = {text: place for place, text in enumerate(dict.fromkeys(row.text for row in rows))}
        places = [texts[row.text] for row in rows]
        logits, cache = self.forward.read(list(texts))
        alive = self._draw(rows, logits[places])
        if alive:
            self.forward.select(cache, [places[one] for one in alive])
            self._merge([rows[one] for one in alive], cache)

    def advance(self) -> None:
        """Draw one token for every row; finished rows leave."""
        last = [row.tokens[-1] for row in self.rows]
        logits = self.forward.step(last, self._read(self.rows), self.columns, self.cache)
        self.columns += 1
        alive = self._draw(self.rows, logits)
        if not alive:
            self.rows, self.cache, self.columns = [], None, 0
        elif len(alive) < len(self.rows):
            self.rows = [self.rows[one] for one in alive]
            self.forward.select(self.cache, alive)

    def _read(self, rows: Sequence[Row]) -> list[int]:
        return [self.forward.virtual_tokens + row.read for row in rows]

    def _draw(self, rows: Sequence[Row], logits: torch.Tensor) -> list[int]:
        """Draw a token a row; return the positions of the rows that go on."""
        alive = []
        self.drawn += len(rows)
        for position, (row, token) in enumerate(zip(rows, draw_tokens(rows, logits), strict=True)):
            completion = row.take(token)
            if completion is None:
                alive.append(position)
            else:
                self.done[row.index] = completion
        return alive

    def _merge(self, rows: list[Row], cache: Cache) -> None:
        """Join the newcomers' cache to the running one, without columns that nobody needs."""
        rows = self.rows + rows
        columns = max(self._read(rows))
        self.forward.resize(cache, columns)
        if self.cache is not None:
            self.forward.resize(self.cache, columns)
            self.forward.append(self.cache, cache)
            cache = self.cache
        self.rows, self.cache, self.columns = rows, cache, columns


def draw_tokens(rows: Sequence[Row], logits: torch.Tensor) -> list[int]:
    """Draw the next token of every row from its own stream; -1 where the logits are not numbers."""
    import torch

    logits = logits.float()
    for position, row in enumerate(rows):
        if row.request.banned_first and not row.tokens:
            logits[position, list(row.request.banned_first)] = float("-inf")
    device = logits.device
    settings = [row.request.sampling for row in rows]
    keys = [sampling.step_keys(row.request.seed, len(row.tokens)) for row in rows]
    temperature = torch.tensor([[one.temperature] for one in settings], device=device)
    top_p = None
    if any(one.top_p < 1 for one in settings):
        top_p = torch.tensor([[one.top_p] for one in settings], device=device)
    keyed = torch.tensor(keys, dtype=torch.int32, device=device)
    tokens: list[int] = sampling.draw(logits, keyed, temperature, top_p).tolist()
    return tokens
