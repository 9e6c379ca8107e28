"""A fast scorer for log-likelihoods: what choices share is computed once.

Plain scoring runs every choice with its whole prompt through the model and applies the LM head to
every position. Here three levels share work:

1. a prefix that all items of a task have in common (few-shot examples, soft prompt) is read once;
2. the rest of an item's context is read once, the LM head applied to its last position only, which
   already scores the first token of every choice;
3. choices of several tokens go on from their item's key-value cache.

Tokens are those of lm-evaluation-harness; `evaluation.agreement` compares with it in every run.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from synthetic_instruction_tuner.errors import StageError

MIN_PREFIX = 8
"""Shortest common prefix, in tokens, that is worth a forward pass of its own."""


class Request(NamedTuple):
    """A continuation to score after its context, both as tokens."""

    context: tuple[int, ...]
    continuation: tuple[int, ...]


class Answer(NamedTuple):
    """Log-probability of a continuation, and whether greedy decoding would have produced it."""

    logprob: float
    greedy: bool


@dataclass
class Item:
    """Requests with the same context.

    Attributes:
        continuations: Continuation and the place of its request.
    """

    context: tuple[int, ...]
    continuations: list[tuple[tuple[int, ...], int]] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows of the third level: continuations that one position cannot score."""
        return sum(len(tokens) > 1 for tokens, _ in self.continuations)


class Batch(NamedTuple):
    """Items scored side by side, after a common prefix of so many tokens."""

    prefix: tuple[int, ...]
    items: tuple[Item, ...]


def truncate(request: Request, limit: int) -> Request:
    """Cut a request on the left to the length limit, as lm-evaluation-harness does.

    Raises:
        StageError: If the continuation alone is too long.
    """
    if len(request.continuation) > limit:
        raise StageError(
            f"a choice has {len(request.continuation)} tokens, more than the {limit} that "
            "evaluation.max_length leaves; raise evaluation.max_length"
        )
    kept = limit + 1 - len(request.continuation)
    return Request(request.context[-kept:], request.continuation)


def plan(requests: Sequence[Request], limit: int, batch_size: int) -> list[Batch]:
    """Arrange the requests of one task in batches.

    Args:
        requests: Requests of items that may share a prefix.
        limit: Longest request in tokens.
        batch_size: Rows side by side.

    Returns:
        Batches, the longest items first, so that memory trouble shows early. The plan depends on
        the requests only, so a resumed evaluation scores the same batches.
    """
    items: dict[tuple[int, ...], Item] = {}
    cut: set[tuple[int, ...]] = set()
    for place, request in enumerate(requests):
        kept = truncate(request, limit)
        item = items.setdefault(kept.context, Item(kept.context))
        item.continuations.append((kept.continuation, place))
        if kept.context != request.context:
            cut.add(kept.context)
    whole = [item for context, item in items.items() if context not in cut]
    rest = [item for context, item in items.items() if context in cut]
    prefix = common_prefix([item.context for item in whole])
    return _batches(prefix, whole, batch_size) + _batches((), rest, batch_size)


def common_prefix(contexts: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Return the prefix that all contexts share, at least one token shorter than each of them."""
    if len(contexts) < 2:
        return ()
    first, last = min(contexts), max(contexts)
    length = 0
    longest = min(len(context) for context in contexts) - 1
    while length < longest and first[length] == last[length]:
        length += 1
    return first[:length] if length >= MIN_PREFIX else ()


def _batches(prefix: tuple[int, ...], items: Sequence[Item], size: int) -> list[Batch]:
    batches: list[Batch] = []
    current: list[Item] = []
    for item in sorted(items, key=lambda one: (-len(one.context), one.context)):
        rows = sum(max(one.rows, 1) for one in current) + max(item.rows, 1)
        if current and rows > size:
            batches.append(Batch(prefix, tuple(current)))
            current = []
        current.append(item)
    return [*batches, Batch(prefix, tuple(current))] if current else batches


class Scorer:
    """Scores batches with a causal LM.

    Args:
        model: The bare causal LM (LoRA layers may be inside).
        soft_prompt: Key-value cache of a soft prompt for one row, or None.
    """

    def __init__(self, model: Any, soft_prompt: Any = None) -> None:
        self._model, self._soft = model, soft_prompt
        self._virtual = soft_prompt.get_seq_length() if soft_prompt is not None else 0
        self._prefix: tuple[int, ...] | None = None
        self._cache: Any = None

    def score(self, batch: Batch) -> dict[int, Answer]:
        """Score one batch; returns answers by place of the request."""
        import torch

        with torch.inference_mode():
            before = self._virtual + len(batch.prefix)
            contexts = [item.context[len(batch.prefix) :] for item in batch.items]
            branching = any(item.rows for item in batch.items)
            cache = self._start(batch.prefix, len(contexts)) if before or branching else None
            logits = self._read_contexts(contexts, before, cache)
            answers = self._first_tokens(batch.items, logits)
            if branching:
                self._later_tokens(batch.items, contexts, before, cache, answers)
        return answers

    def _start(self, prefix: tuple[int, ...], rows: int) -> Any:
        """Return a cache that holds the prefix for so many rows."""
        import torch
        from transformers import DynamicCache

        if self._prefix != prefix:
            self._prefix = prefix
            self._cache = copy.deepcopy(self._soft)
            if prefix:
                if self._cache is None:
                    self._cache = DynamicCache(config=self._model.config)
                ids = torch.tensor([prefix], device=self._model.device)
                self._forward(ids, None, None, self._cache, keep=1)
        if self._cache is None:
            return DynamicCache(config=self._model.config)
        cache = copy.deepcopy(self._cache)
        cache.batch_repeat_interleave(rows)
        return cache

    def _forward(self, ids: Any, mask: Any, positions: Any, cache: Any, keep: int) -> Any:
        """Run the model; returns float32 logits of the last `keep` positions (0: of all)."""
        output = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=cache is not None,
            logits_to_keep=keep,
        )
        return output.logits.float()

    def _read_contexts(self, contexts: list[tuple[int, ...]], before: int, cache: Any) -> Any:
        """Read the contexts, aligned at their right end; returns logits of the next token."""
        import torch

        ids, mask = _aligned(contexts, self._model.device)
        positions = (mask.cumsum(-1) - 1).clamp(min=0) + before
        seen = torch.cat([mask.new_ones((len(contexts), before)), mask], dim=1)
        return self._forward(ids, seen, positions, cache, keep=1)[:, -1]

    def _first_tokens(self, items: Sequence[Item], logits: Any) -> dict[int, Answer]:
        """Score the first token of every continuation."""
        import torch

        rows = [row for row, item in enumerate(items) for _ in item.continuations]
        tokens = [tokens[0] for item in items for tokens, _ in item.continuations]
        index = torch.tensor([rows, tokens], device=logits.device)
        values = logits[index[0], index[1]] - logits.logsumexp(-1)[index[0]]
        greedy = logits.argmax(-1)[index[0]] == index[1]
        places = [place for item in items for _, place in item.continuations]
        scored = zip(places, values.tolist(), greedy.tolist(), strict=True)
        return {place: Answer(value, right) for place, value, right in scored}

    def _later_tokens(
        self,
        items: Sequence[Item],
        contexts: list[tuple[int, ...]],
        before: int,
        cache: Any,
        answers: dict[int, Answer],
    ) -> None:
        """Score the tokens after the first, going on from the caches of the contexts."""
        import torch

        branches = [
            (row, tokens, place)
            for row, item in enumerate(items)
            for tokens, place in item.continuations
            if len(tokens) > 1
        ]
        device = self._model.device
        rows = torch.tensor([row for row, _, _ in branches], device=device)
        cache.batch_select_indices(rows)
        width = max(len(tokens) for _, tokens, _ in branches) - 1
        lengths = torch.tensor([len(one) for one in contexts], device=device)[rows]
        columns = int(max(len(one) for one in contexts))
        steps = torch.arange(width, device=device)
        context = torch.arange(columns, device=device)[None] >= (columns - lengths)[:, None]
        always = context.new_ones((len(branches), 1))
        mask = torch.cat(
            [always.expand(-1, before), context, always.expand(-1, width)], dim=1
        ).long()
        positions = before + lengths[:, None] + steps[None]
        ids = torch.zeros((len(branches), width), dtype=torch.long, device=device)
        wanted = torch.zeros_like(ids)
        for row, (_, tokens, _) in enumerate(branches):
            ids[row, : len(tokens) - 1] = torch.tensor(tokens[:-1], device=device)
            wanted[row, : len(tokens) - 1] = torch.tensor(tokens[1:], device=device)
        logits = self._forward(ids, mask, positions, cache, keep=0)
        values = logits.gather(-1, wanted[..., None])[..., 0] - logits.logsumexp(-1)
        counted = (
            steps[None] < torch.tensor([len(t) - 1 for _, t, _ in branches], device=device)[:, None]
        )
        sums = (values * counted).sum(-1).tolist()
        greedy = ((logits.argmax(-1) == wanted) | ~counted).all(-1).tolist()
        for (_, _, place), value, right in zip(branches, sums, greedy, strict=True):
            first = answers[place]
            answers[place] = Answer(first.logprob + value, first.greedy and right)


def _aligned(texts: list[tuple[int, ...]], device: Any) -> tuple[Any, Any]:
    """Return ids and mask of texts padded on the left."""
    import torch

    width = max(len(text) for text in texts)
    ids = torch.tensor([(0,) * (width - len(text)) + text for text in texts], device=device)
    known = torch.tensor([len(text) for text in texts], device=device)
    mask = (torch.arange(width, device=device)[None] >= (width - known)[:, None]).long()
    return ids, mask
