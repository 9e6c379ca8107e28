"""Rows that ask the same in other words: near-duplicates by sentence embeddings (an extra).

Sentences are mean-pooled over a transformer's last hidden states and normalised, as
sentence-transformers models are meant to be used (arXiv 1908.10084); a pair counts from a cosine
similarity on. All pairs are compared, so the cost grows with the square of the rows: it is meant
for the rows that passed everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.filtering.similarity import Pairs, in_order

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Embed = Callable[[Sequence[str]], Any]
"""Turns texts into unit vectors, float32 of shape (texts, width)."""
BATCH = 64
MAX_TOKENS = 256
"""Tokens of a text that count; what sentence models are trained on."""
BLOCK_ROWS = 2048
"""Rows compared with all others at once: bounds the memory of a block."""


def embedder(model: ModelConfig) -> Embed:
    """Return what embeds texts with a model; it is loaded at the first call and let go after it.

    Args:
        model: An encoder of the Hub or a local folder ("sentence-transformers/all-MiniLM-L6-v2").
    """

    def embed(texts: Sequence[str]) -> Any:
        from synthetic_instruction_tuner.models.loading import load_encoder

        return embed_with(*load_encoder(model), texts)

    return embed


def embed_with(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]
) -> Any:
    """Embed texts, those of like length side by side.

    Returns:
        Unit vectors in the order of the texts, float32 of shape (texts, width).
    """
    import numpy as np
    import torch

    order = sorted(range(len(texts)), key=lambda at: (-len(texts[at]), at))
    vectors = np.zeros((len(texts), model.config.hidden_size), dtype=np.float32)
    for start in range(0, len(order), BATCH):
        places = order[start : start + BATCH]
        inputs = tokenizer(
            [texts[at] for at in places],
            padding=True,
            truncation=True,
            max_length=MAX_TOKENS,
            return_tensors="pt",
        ).to(model.device)
        with torch.inference_mode():
            states = model(**inputs).last_hidden_state.float()
        mask = inputs["attention_mask"][..., None].float()
        mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
        vectors[places] = torch.nn.functional.normalize(mean, dim=-1).cpu().numpy()
    return vectors


def close_pairs(vectors: torch.Tensor, least: float) -> Pairs:
    """Find all pairs of unit vectors with a cosine similarity >= least.

    Args:
        vectors: Float32 of shape (rows, width).
        least: Least similarity.
    """
    import numpy as np

    found = []
    for start in range(0, len(vectors), BLOCK_ROWS):
        block = vectors[start : start + BLOCK_ROWS] @ vectors[start:].T
        left, right = np.nonzero(block >= least)
        later = right > left
        left, right = left[later], right[later]
        found.append((left + start, right + start, block[left, right].astype(np.float64)))
    if not found:
        empty = np.empty(0, dtype=np.int64)
        return Pairs(empty, empty, np.empty(0))
    return in_order(*(np.concatenate(part) for part in zip(*found, strict=True)))
