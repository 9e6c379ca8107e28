"""Shapes of the models that studies name most: a plan needs no download and no access token.

Values are those of each repository's `config.json` on the Hugging Face Hub; a model that is not
listed is looked up there (or in its local folder).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.models import loading
from synthetic_instruction_tuner.models.reference import local_folder

_LLAMA_3 = {"model_type": "llama", "vocab_size": 128256, "head_dim": 128, "intermediate_size": 8192}
_LLAMA_1B = _LLAMA_3 | {
    "hidden_size": 2048,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 64,
    "tie_word_embeddings": True,
}
_LLAMA_3B = _LLAMA_3 | {
    "hidden_size": 3072,
    "num_hidden_layers": 28,
    "num_attention_heads": 24,
    "num_key_value_heads": 8,
    "tie_word_embeddings": True,
}
_LLAMA_8B = _LLAMA_3 | {
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "tie_word_embeddings": False,
}
_MISTRAL_7B = _LLAMA_8B | {"model_type": "mistral", "vocab_size": 32768, "sliding_window": None}
_QWEN_3B = {
    "model_type": "qwen2",
    "vocab_size": 151936,
    "hidden_size": 2048,
    "intermediate_size": 11008,
    "num_hidden_layers": 36,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "tie_word_embeddings": True,
}
_QWEN_HALF_B = _QWEN_3B | {
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
}
_QWEN_1_5B = _QWEN_3B | {
    "hidden_size": 1536,
    "intermediate_size": 8960,
    "num_hidden_layers": 28,
    "num_attention_heads": 12,
}
_QWEN_7B = _QWEN_3B | {
    "vocab_size": 152064,
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "tie_word_embeddings": False,
}
_QWEN_3_HALF_B = {
    "model_type": "qwen3",
    "vocab_size": 151936,
    "hidden_size": 1024,
    "intermediate_size": 3072,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "tie_word_embeddings": True,
}
_SMOLLM_135M = {
    "model_type": "llama",
    "vocab_size": 49152,
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "tie_word_embeddings": True,
}
_SMOLLM_1_7B = _SMOLLM_135M | {
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 24,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
}
_GEMMA_2_2B = {
    "model_type": "gemma2",
    "vocab_size": 256000,
    "hidden_size": 2304,
    "intermediate_size": 9216,
    "num_hidden_layers": 26,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "tie_word_embeddings": True,
}
_PHI_3_MINI = {
    "model_type": "phi3",
    "vocab_size": 32064,
    "hidden_size": 3072,
    "intermediate_size": 8192,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "pad_token_id": 32000,
    "tie_word_embeddings": False,
}
_DEBERTA_LARGE = {
    "model_type": "deberta-v2",
    "vocab_size": 128100,
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "max_position_embeddings": 512,
    "type_vocab_size": 0,
    "relative_attention": True,
    "position_buckets": 256,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
}

SHAPES: Mapping[str, Mapping[str, Any]] = {
    "meta-llama/Llama-3.2-1B": _LLAMA_1B,
    "meta-llama/Llama-3.2-1B-Instruct": _LLAMA_1B,
    "meta-llama/Llama-3.2-3B": _LLAMA_3B,
    "meta-llama/Llama-3.2-3B-Instruct": _LLAMA_3B,
    "meta-llama/Llama-3.1-8B": _LLAMA_8B,
    "meta-llama/Llama-3.1-8B-Instruct": _LLAMA_8B,
    "mistralai/Mistral-7B-v0.3": _MISTRAL_7B,
    "mistralai/Mistral-7B-Instruct-v0.3": _MISTRAL_7B,
    "Qwen/Qwen2.5-0.5B": _QWEN_HALF_B,
    "Qwen/Qwen2.5-0.5B-Instruct": _QWEN_HALF_B,
    "Qwen/Qwen2.5-1.5B": _QWEN_1_5B,
    "Qwen/Qwen2.5-1.5B-Instruct": _QWEN_1_5B,
    "Qwen/Qwen2.5-3B": _QWEN_3B,
    "Qwen/Qwen2.5-3B-Instruct": _QWEN_3B,
    "Qwen/Qwen2.5-7B": _QWEN_7B,
    "Qwen/Qwen2.5-7B-Instruct": _QWEN_7B,
    "Skywork/Skywork-Reward-V2-Qwen3-0.6B": _QWEN_3_HALF_B,
    "HuggingFaceTB/SmolLM2-135M": _SMOLLM_135M,
    "HuggingFaceTB/SmolLM2-135M-Instruct": _SMOLLM_135M,
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": _SMOLLM_1_7B,
    "google/gemma-2-2b": _GEMMA_2_2B,
    "microsoft/Phi-3-mini-4k-instruct": _PHI_3_MINI,
    "OpenAssistant/reward-model-deberta-v3-large-v2": _DEBERTA_LARGE,
}


def shape_of(model: ModelConfig) -> Any:
    """Return the model's transformers configuration: local, from the table, or from the Hub.

    Raises:
        MissingModelError: If it is in none of them.
    """
    from transformers import AutoConfig

    folder = local_folder(model)
    known = SHAPES.get(model.name)
    if folder is None and known is not None:
        settings = dict(known)
        return AutoConfig.for_model(settings.pop("model_type"), **settings)
    return loading.load_config(model)
