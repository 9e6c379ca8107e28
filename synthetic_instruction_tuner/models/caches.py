"""Key-value caches: what a model keeps of what it has read, as columns that can be moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import DynamicCache, PreTrainedConfig


def other_state(config: PreTrainedConfig) -> str | None:
    """Name what a model keeps besides keys and values (recurrent layers), or return None.

    Such states cannot be cut or moved: rows of unequal length cannot stand side by side.
    """
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

    known = (DynamicLayer, DynamicSlidingWindowLayer)
    kinds = (type(layer) for layer in DynamicCache(config=config).layers)
    return next((kind.__name__ for kind in kinds if kind not in known), None)


def window(config: PreTrainedConfig) -> int | None:
    """Return the tokens that a model's narrowest layer sees; None: all layers see everything."""
    from transformers import DynamicCache

    layers = DynamicCache(config=config).layers
    return min((layer.sliding_window for layer in layers if layer.is_sliding), default=None)


def repeated(cache: DynamicCache | None, columns: int, shifts: Sequence[int]) -> DynamicCache:
    """Return a cache with one row for each shift, moved to the right by so many columns.

    What leaves on the right is gone; what comes in on the left has no meaning and is to be masked.
    The new cache keeps every column in all layers, sliding ones included (their masks count
    columns), so that they can be moved again.

    Args:
        cache: Keys and values of one row, or None without any.
        columns: Columns of the cache. A sliding layer may hold the last ones alone: nothing that
            is read later sees the others.
        shifts: Columns to move, for each row of the result.
    """
    import torch
    from transformers import DynamicCache

    made = DynamicCache()
    for place, layer in enumerate(cache.layers if cache is not None and columns else ()):
        if not layer.is_initialized:
            continue
        held, device = layer.keys.shape[-2], layer.keys.device
        index = torch.arange(columns, device=device) - torch.tensor(shifts, device=device)[:, None]
        index = (index - (columns - held)).clamp(min=0)
        keys, values = (one[0][:, index].transpose(0, 1) for one in (layer.keys, layer.values))
        made.update(keys, values, place)
    return made
