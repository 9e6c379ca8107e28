"""A fast scorer for log-likelihoods: what choices share is computed once.

Plain scoring runs every choice with its whole prompt through the model and applies the LM head to
every position. Here three levels share work:

1. a prefix that all items of a task have in common (few-shot examples, soft prompt) is read once;
2. the rest of an item's context is read once, the LM head applied to its last position only, which
   already scores the first token of every choice;
3. choices of several tokens go on from their item's key-value cache.

Rows of unequal length stand side by side aligned at their right end, and nothing stands between a
row's tokens: where a context is shorter than its neighbours, the end of the common prefix is read
again in place of padding, and the cached prefix moves to the right. Sliding-window attention counts
columns, so padding in between would push tokens out of the window.

Tokens and the softmax are those of lm-evaluation-harness; `likelihood.agreement` compares with it
in every run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from synthetic_instruction_tuner.evaluation.likelihood.batching import Answer, Batch, Item
from synthetic_instruction_tuner.models import caches

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache, PreTrainedModel


class Rows(NamedTuple):
    """Contexts side by side, behind what they share.

    Attributes:
        ids: Tokens to read, padded on the left, (rows, columns).
        mask: 1 where a row has something to see, (rows, cached columns + columns).
        positions: Positions of the tokens to read, (rows, columns).
        lengths: Tokens of every row with all that stands before it, (rows,).
    """

    ids: torch.Tensor
    mask: torch.Tensor
    positions: torch.Tensor
    lengths: torch.Tensor


class Scorer:
    """Scores batches with a causal LM.

    Args:
        model: The bare causal LM (LoRA layers may be inside).
        soft_prompt: Key-value cache of a soft prompt for one row, or None.
    """

    def __init__(self, model: PreTrainedModel, soft_prompt: DynamicCache | None = None) -> None:
        self._model = model
        self._virtual = soft_prompt.get_seq_length() if soft_prompt is not None else 0
        self._soft = caches.repeated(soft_prompt, self._virtual, [0]) if self._virtual else None
        self._window = caches.window(model.config)
        self._prefix: tuple[int, ...] | None = None
        self._cache = self._soft

    def score(self, batch: Batch) -> dict[int, Answer]:
        """Score one batch; returns answers by place of the request."""
        import torch

        answers: dict[int, Answer] = {}
        with torch.inference_mode():
            for items in self._side_by_side(batch):
                answers |= self._score(batch.prefix, items)
        return answers

    def _side_by_side(self, batch: Batch) -> list[list[Item]]:
        """Return what can be read at once: all, but for padding that has no place.

        Behind a soft prompt there may be no token to read again in place of padding. That matters
        where a window ends within the rows; then only contexts of one length stand side by side.
        """
        items = list(batch.items)
        lengths = [len(item.context) for item in items]
        tail = max(len(tokens) for item in items for tokens, _ in item.continuations)
        padded = max(lengths) - min(lengths) > len(batch.prefix)
        ends = self._window is not None and self._virtual + max(lengths) + tail > self._window
        if not (self._virtual and padded and ends):
            return [items]
        return [[one for one in items if len(one.context) == size] for size in sorted(set(lengths))]

    def _score(self, prefix: tuple[int, ...], items: Sequence[Item]) -> dict[int, Answer]:
        branching = any(item.rows for item in items)
        longest = max(len(item.context) for item in items)
        again = [min(longest - len(item.context), len(prefix)) for item in items]
        rows = self._rows(prefix, items, again)
        cache = self._start(prefix, again) if prefix or self._virtual or branching else None
        logprobs = self._forward(rows.ids, rows.mask, rows.positions, cache, keep=1)[:, -1]
        answers = _first_tokens(items, logprobs)
        if branching:
            self._later_tokens(items, rows, cache, answers)
        return answers

    def _rows(self, prefix: tuple[int, ...], items: Sequence[Item], again: Sequence[int]) -> Rows:
        """Arrange what is left of the contexts, with so many tokens of the prefix once more."""
        import torch

        device, before = self._model.device, self._virtual + len(prefix)
        kept = [item.context[len(prefix) - more :] for item, more in zip(items, again, strict=True)]
        width = max(len(text) for text in kept)
        ids = torch.tensor([(0,) * (width - len(text)) + text for text in kept], device=device)
        seen = torch.arange(width, device=device) >= width - _column([len(t) for t in kept], device)
        cached = torch.arange(before, device=device) >= _column(again, device)
        lengths = torch.tensor([self._virtual + len(one.context) for one in items], device=device)
        places = lengths[:, None] - width + torch.arange(width, device=device)
        mask = torch.cat([cached, seen], dim=1).long()
        return Rows(ids, mask, places.clamp(min=0), lengths)

    def _start(self, prefix: tuple[int, ...], again: Sequence[int]) -> DynamicCache:
        """Return a cache that holds the prefix for each row, without what the row reads again."""
        import torch

        if self._prefix != prefix:
            self._prefix = prefix
            self._cache = caches.repeated(self._soft, self._virtual, [0])
            if prefix:
                ids = torch.tensor([prefix], device=self._model.device)
                self._forward(ids, None, None, self._cache, keep=1)
        return caches.repeated(self._cache, self._virtual + len(prefix), again)

    def _forward(
        self,
        ids: torch.Tensor,
        mask: torch.Tensor | None,
        positions: torch.Tensor | None,
        cache: DynamicCache | None,
        keep: int,
    ) -> torch.Tensor:
        """Return float32 log-probabilities of what follows the last `keep` places (0: all)."""
        import torch

        output = self._model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=cache is not None,
            logits_to_keep=keep,
        )
        return torch.log_softmax(output.logits, dim=-1, dtype=torch.float32)

    def _later_tokens(
        self, items: Sequence[Item], rows: Rows, cache: DynamicCache, answers: dict[int, Answer]
    ) -> None:
        """Add the tokens after the first, going on from the caches of the contexts."""
        import torch

        branches = [
            (row, tokens, place)
            for row, item in enumerate(items)
            for tokens, place in item.continuations
            if len(tokens) > 1
        ]
        device = self._model.device
        chosen = torch.tensor([row for row, _, _ in branches], device=device)
        cache.batch_select_indices(chosen)
        width = max(len(tokens) for _, tokens, _ in branches) - 1
        steps = torch.arange(width, device=device)
        mask = torch.nn.functional.pad(rows.mask[chosen], (0, width), value=1)
        ids = torch.zeros((len(branches), width), dtype=torch.long, device=device)
        wanted = torch.zeros_like(ids)
        for row, (_, tokens, _) in enumerate(branches):
            ids[row, : len(tokens) - 1] = torch.tensor(tokens[:-1], device=device)
            wanted[row, : len(tokens) - 1] = torch.tensor(tokens[1:], device=device)
        logprobs = self._forward(ids, mask, rows.lengths[chosen, None] + steps, cache, keep=0)
        values = logprobs.gather(-1, wanted[..., None])[..., 0]
        counted = steps < _column([len(tokens) - 1 for _, tokens, _ in branches], device)
        sums = (values * counted).sum(-1).tolist()
        greedy = ((logprobs.argmax(-1) == wanted) | ~counted).all(-1).tolist()
        for (_, _, place), value, right in zip(branches, sums, greedy, strict=True):
            first = answers[place]
            answers[place] = Answer(first.logprob + value, first.greedy and right)


def _column(values: Sequence[int], device: torch.device) -> torch.Tensor:
    import torch

    return torch.tensor(values, device=device)[:, None]


def _first_tokens(items: Sequence[Item], logprobs: torch.Tensor) -> dict[int, Answer]:
    """Score the first token of every continuation; `logprobs` is (items, vocabulary)."""
    import torch

    rows = [row for row, item in enumerate(items) for _ in item.continuations]
    tokens = [tokens[0] for item in items for tokens, _ in item.continuations]
    index = torch.tensor([rows, tokens], device=logprobs.device)
    values = logprobs[index[0], index[1]].tolist()
    greedy = (logprobs.argmax(-1)[index[0]] == index[1]).tolist()
    places = [place for item in items for _, place in item.continuations]
    scored = zip(places, values, greedy, strict=True)
    return {place: Answer(value, right) for place, value, right in scored}
