"""The encoder behind `filtering.duplicates.embedding`, loaded as any other from a folder."""

import numpy as np
import pytest

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import MissingModelError
from synthetic_instruction_tuner.filtering.embeddings import embed_with, embedder
from synthetic_instruction_tuner.models.loading import load_encoder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A BERT of MiniLM's kind, shrunk, with random weights."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("encoder")
    words = [
        "[PAD]",
        "[UNK]",
        *["why", "is", "the", "sky", "blue", "bread", "a", "of", "and", "to"],
    ]
    raw = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, "[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]"
    ).save_pretrained(folder)
    torch.manual_seed(0)
    BertModel(
        BertConfig(
            vocab_size=len(words),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=48,
            max_position_embeddings=300,
        )
    ).save_pretrained(folder)
    return folder


def test_vectors_are_units_and_do_not_depend_on_their_neighbours(encoder):
    texts = ["why is the sky blue", "bread", "the sky is blue and the bread is blue", ""]
    embed = embedder(ModelConfig(name=str(encoder)))
    vectors = embed(texts)
    assert vectors.shape == (4, 32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1, 0], abs=1e-5)
    alone = np.concatenate([embed([text]) for text in texts[:3]])
    assert vectors[:3] == pytest.approx(alone, abs=1e-5)
    assert (vectors[0] @ vectors[0]) == pytest.approx(1, abs=1e-5)
    assert vectors[0] @ vectors[1] < 0.999


def test_padding_is_no_part_of_the_mean(encoder):
    import torch

    model, tokenizer = load_encoder(ModelConfig(name=str(encoder)))
    ids = tokenizer(["why is the sky blue"], return_tensors="pt")
    with torch.inference_mode():
        mean = model(**ids).last_hidden_state[0].mean(0)
    expected = (mean / mean.norm()).numpy()
    found = embed_with(model, tokenizer, ["why is the sky blue", "the sky is blue and a " * 9])
    assert found[0] == pytest.approx(expected, abs=1e-5)


def test_a_missing_encoder_is_named():
    with pytest.raises(MissingModelError, match="no/encoder"):
        embedder(ModelConfig(name="no/encoder"))(["text"])
