"""Small random models of many architectures, with windows shorter than the tests' texts."""

from typing import Any

VOCABULARY = 264
"""Those of the byte tokenizer, and some."""
WINDOW = 12
"""Tokens that sliding layers see: far fewer than the texts of the tests have."""
SIZES = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "max_position_embeddings": 256, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 4,
    "tie_word_embeddings": True, "attention_dropout": 0.2,
}  # fmt: skip
HALF_SLIDING = {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]}
EXPERTS = {"num_experts_per_tok": 2, "router_aux_loss_coef": 0.5}
ALL_HEADS = {"num_key_value_heads": None}
GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 256, "n_inner": 48}

CONFIGS: dict[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {"use_sliding_window": True} | HALF_SLIDING,
    "qwen3": {},
    "qwen3_moe": EXPERTS
    | {"num_experts": 4, "moe_intermediate_size": 16, "decoder_sparse_step": 1},
    "gemma2": {"query_pre_attn_scalar": 8} | HALF_SLIDING,
    "gemma3_text": {"query_pre_attn_scalar": 8} | HALF_SLIDING,
    "mistral": {"sliding_window": WINDOW},
    "phi3": {"sliding_window": WINDOW},
    "olmo2": {},
    "olmo3": HALF_SLIDING,
    "granite": {"embedding_multiplier": 2.0, "logits_scaling": 2.0, "residual_multiplier": 0.5},
    "cohere2": {"logit_scale": 0.5} | HALF_SLIDING,
    "smollm3": {"no_rope_layers": [1, 0]},
    "gpt_neox": {"rotary_pct": 0.5} | ALL_HEADS,
    "gpt2": GPT2 | ALL_HEADS,
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32} | ALL_HEADS,
    "mixtral": EXPERTS | {"num_local_experts": 4, "sliding_window": WINDOW},
}


def config_of(name: str, **changes: int) -> Any:
    """Return the configuration of an architecture at small size."""
    from transformers import AutoConfig

    sizes = {
        key: value for key, value in (SIZES | CONFIGS[name] | changes).items() if value is not None
    }
    return AutoConfig.for_model(name, **sizes)


def make(name: str, **changes: int) -> Any:
    """Build a model of an architecture with random weights, in evaluation mode.

    Weights are wide enough for attention to look at single tokens: what falls out of a window, or
    is masked by mistake, shows in the logits.
    """
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config_of(name, **changes))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.3)
    return model.eval()


def adapted(name: str, adapter: str) -> Any:
    """Build a model with a random adapter; virtual tokens are more than a window.

    Args:
        name: Architecture.
        adapter: "none", "prompt_tuning" or "prefix_tuning".
    """
    import torch
    from peft import PrefixTuningConfig, PromptTuningConfig, get_peft_model

    model = make(name)
    if adapter == "none":
        return model
    kind = {"prompt_tuning": PromptTuningConfig, "prefix_tuning": PrefixTuningConfig}[adapter]
    torch.manual_seed(1)
    settings = kind(task_type="CAUSAL_LM", num_virtual_tokens=WINDOW + 3)
    return get_peft_model(model, settings).eval()
