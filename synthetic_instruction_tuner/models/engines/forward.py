"""One model, with or without an adapter, as two operations: read prompts, read one token a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.models import caches

if TYPE_CHECKING:
    import torch
    from transformers import Cache, PreTrainedModel


class Forward:
    """The forward pass of a causal language model with a key-value cache.

    Adapters that change weights (LoRA, IA3, ...) are part of the modules; those that put virtual
    tokens before the prompt (prompt tuning, p-tuning, prefix tuning) are handled here.

    Args:
        model: A transformers causal language model, or a PEFT model around one.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        adapted = hasattr(model, "get_base_model")
        self._model = model.get_base_model() if adapted else model
        self._adapter: Any = (
            model if adapted and model.active_peft_config.is_prompt_learning else None
        )
        self.virtual_tokens: int = (
            self._adapter.active_peft_config.num_virtual_tokens if self._adapter else 0
        )

    @property
    def device(self) -> torch.device:
        """Where inputs go."""
        return self._model.get_input_embeddings().weight.device

    def read(self, texts: Sequence[tuple[int, ...]]) -> tuple[torch.Tensor, Cache]:
        """Read whole prompts.

        Returns:
            Logits of the next token, shape (prompts, vocabulary), and the cache.
        """
        if self._prefix is None:
            return self._read(texts, self._new_cache())
        return self._read_behind_prefix(texts)

    def step(
        self, tokens: list[int], lengths: list[int], columns: int, cache: Cache
    ) -> torch.Tensor:
        """Read one more token a row.

        Args:
            tokens: The token of each row.
            lengths: How much each row has in the cache.
            columns: Columns of the cache.
            cache: The cache; grows by one column.

        Returns:
            Logits of the next token, shape (rows, vocabulary).
        """
        import torch

        known = torch.tensor(lengths, device=self.device)
        column = torch.arange(columns + 1, device=self.device)
        mask = column[None, :] >= (columns - known)[:, None]
        inputs = {"input_ids": torch.tensor(tokens, device=self.device)[:, None]}
        return self._call(inputs, mask.long(), known[:, None], cache)

    def select(self, cache: Cache, rows: list[int]) -> None:
        """Keep these rows of a cache, in this order; a row may be taken several times."""
        import torch

        index = torch.tensor(rows, device=self.device)
        for layer in self._layers(cache):
            layer.reorder_cache(index)  # faster than batch_select_indices: whole rows are copied

    def resize(self, cache: Cache, columns: int) -> None:
        """Cut a cache on the left, or pad it there, to this many columns."""
        for layer in self._layers(cache):
            kept = columns
            if layer.is_sliding:
                kept = min(columns, layer.sliding_window - 1)
                layer.cumulative_length = columns
            layer.keys, layer.values = _fit(layer.keys, kept), _fit(layer.values, kept)

    def append(self, cache: Cache, newcomers: Cache) -> None:
        """Append the rows of another cache of the same number of columns."""
        import torch

        for layer, other in zip(self._layers(cache), self._layers(newcomers), strict=True):
            layer.keys = torch.cat([layer.keys, other.keys])
            layer.values = torch.cat([layer.values, other.values])

    def _layers(self, cache: Cache) -> list[Any]:
        return [layer for layer in cache.layers if layer.is_initialized]

    def _new_cache(self) -> Cache:
        from transformers import DynamicCache

        config = self._model.config
        if other := caches.other_state(config):
            raise StageError(
                f"{config.model_type} models keep a {other}, which the transformers engine cannot "
                "batch; use engine=vllm or engine=completions"
            )
        return DynamicCache(config=config)

    @property
    def _prefix(self) -> str | None:
        """Name of the prefix-tuning types, whose virtual tokens live in the cache only."""
        kind = self._adapter.active_peft_config.peft_type if self._adapter else None
        return kind if kind in ("PREFIX_TUNING", "CARTRIDGE") else None

    def _read(self, texts: Sequence[tuple[int, ...]], cache: Cache) -> tuple[torch.Tensor, Cache]:
        import torch

        virtual = 0 if self._prefix else self.virtual_tokens
        width = virtual + max(map(len, texts))
        rows = [(0,) * (width - len(text)) + text for text in texts]
        known = torch.tensor([virtual + len(text) for text in texts], device=self.device)
        mask = (torch.arange(width, device=self.device) >= (width - known)[:, None]).long()
        positions = (mask.cumsum(dim=-1) - 1).clamp(min=0)
        inputs: dict[str, torch.Tensor] = {"input_ids": torch.tensor(rows, device=self.device)}
        if virtual:
            inputs = {"inputs_embeds": self._embed(inputs["input_ids"], width - known, virtual)}
        if self._prefix:  # the prefix stands before every row
            positions = positions + self.virtual_tokens
            before = mask.new_ones((len(texts), self.virtual_tokens))
            mask = torch.cat([before, mask], dim=1)
        return self._call(inputs, mask, positions, cache), cache

    def _embed(self, ids: torch.Tensor, starts: torch.Tensor, virtual: int) -> torch.Tensor:
        """Embed the prompts with the adapter's virtual tokens directly before them."""
        import torch

        embedded = self._model.get_input_embeddings()(ids)
        learned = self._adapter.get_prompt(batch_size=len(ids)).to(embedded.dtype)
        where = starts[:, None] + torch.arange(virtual, device=self.device)
        return embedded.scatter(1, where[:, :, None].expand_as(learned), learned)

    def _read_behind_prefix(self, texts: Sequence[tuple[int, ...]]) -> tuple[torch.Tensor, Cache]:
        """Read prompts of one length at a time: no padding may stand behind the prefix."""
        import torch

        order = sorted(range(len(texts)), key=lambda one: len(texts[one]))
        logits, joined, columns = [], None, self.virtual_tokens + len(texts[order[-1]])
        for length in sorted({len(text) for text in texts}):
            group = [texts[one] for one in order if len(texts[one]) == length]
            part, cache = self._read(group, self._adapter.get_prompt(batch_size=len(group)))
            logits.append(part)
            self.resize(cache, columns)
            if joined is None:
                joined = cache
            else:
                self.append(joined, cache)
        back = sorted(range(len(order)), key=order.__getitem__)
        self.select(joined, back)
        return torch.cat(logits)[back], joined

    def _call(
        self,
        inputs: dict[str, torch.Tensor],
        mask: torch.Tensor,
        positions: torch.Tensor,
        cache: Cache,
    ) -> torch.Tensor:
        output = self._model(
            **inputs,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1, :]


def _fit(states: torch.Tensor, columns: int) -> torch.Tensor:
    """Cut or zero-pad a (rows, heads, columns, width) tensor on the left of its columns."""
    import torch

    missing = columns - states.shape[-2]
    if missing > 0:
        return torch.nn.functional.pad(states, (0, 0, missing, 0))
    return states[:, :, -missing:, :] if missing else states
