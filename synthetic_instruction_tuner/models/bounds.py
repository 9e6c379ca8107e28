"""What a model's configuration may ask for, looked at before anything is built from it."""

from __future__ import annotations

from synthetic_instruction_tuner.errors import MissingModelError

LARGEST = {
    "num_hidden_layers": 1_000, "n_layer": 1_000, "num_layers": 1_000, "hidden_size": 200_000,
    "n_embd": 200_000, "intermediate_size": 2_000_000, "vocab_size": 10_000_000,
    "num_attention_heads": 10_000, "num_experts": 10_000, "num_local_experts": 10_000,
    "n_routed_experts": 10_000,
}  # fmt: skip
"""Shapes beyond which a configuration is taken for damaged; the largest models have a tenth."""
SAFE_ATTENTION = (None, "eager", "sdpa")
"""What PyTorch brings itself; transformers fetches code from the Hub for others."""


def read_shape(name: str, source: str, revision: dict[str, str]) -> dict[str, str]:
    """Look at a configuration before anything is built from it.

    Returns:
        What to load with: another attention where the configuration names one whose code would be
        fetched.

    Raises:
        MissingModelError: If a size in it is that of no model.
    """
    from transformers import PreTrainedConfig

    try:
        settings, _ = PreTrainedConfig.get_config_dict(source, **revision)
    except OSError:  # whoever loads the model says what is missing
        return {}
    parts = [settings, *(one for one in settings.values() if isinstance(one, dict))]
    for part in parts:
        for key in LARGEST.keys() & part.keys():
            size = part[key]
            if isinstance(size, (int, float)) and not 0 <= size <= LARGEST[key]:
                raise MissingModelError(
                    f"model {name!r} has {key}={size} in its config.json, allowed is 0 to "
                    f"{LARGEST[key]}: the file is damaged or hostile"
                )
    for part in parts:
        hidden = part.get("_attn_implementation")
        if hidden not in SAFE_ATTENTION:
            raise MissingModelError(
                f"model {name!r} asks for attention {str(hidden)[:60]!r} in its config.json, whose "
                "code transformers would fetch: take _attn_implementation out of it"
            )
    safe = all(part.get("attn_implementation") in SAFE_ATTENTION for part in parts)
    return {} if safe else {"attn_implementation": "sdpa"}
