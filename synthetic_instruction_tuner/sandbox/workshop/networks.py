"""The shapes of the models and how their folders are written."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

POSITIONS: Final = 1024
# Merged tokens (not bytes, not special ones): those whose embeddings are surely trained.
_LEARNED_TOKENS: Final = 1200
Shape = dict[str, int]
FULL: Final[Shape] = {
    "hidden_size": 128,
    "intermediate_size": 384,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
SMALL: Final[Shape] = {
    "hidden_size": 96,
    "intermediate_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 3,
    "num_key_value_heads": 1,
}


def model_config(tokenizer: "PreTrainedTokenizerFast", eos: str, shape: Shape) -> "LlamaConfig":
    """Describe a model of the family; `eos` is the token that ends its text."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=POSITIONS,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.convert_tokens_to_ids(eos),
        pad_token_id=tokenizer.pad_token_id,
        **shape,
    )


def new_model(
    tokenizer: "PreTrainedTokenizerFast", eos: str, *, shape: Shape, seed: int, device: str
) -> "LlamaForCausalLM":
    """Create a model with seeded random weights."""
    import torch
    from transformers import LlamaForCausalLM

    torch.manual_seed(seed)
    return LlamaForCausalLM(model_config(tokenizer, eos, shape)).to(device)


def settle_unseen_tokens(
    model: "LlamaForCausalLM", tokenizer: "PreTrainedTokenizerFast", seed: int
) -> None:
    """Give the chat tokens, which a base model never saw, embeddings that adapters can work with.

    Training pushes the (tied) embeddings of unseen tokens to where they are never predicted, beyond
    the reach of a small adapter. As when a vocabulary is extended, they become the mean embedding
    plus noise of usual length; the end of a turn starts out near the end of a text.
    """
    import torch

    from synthetic_instruction_tuner.sandbox.workshop.tokenizer import BOS, EOS, EOT, SPECIAL_TOKENS

    weight = model.get_input_embeddings().weight.data
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL_TOKENS}
    seen = weight[len(tokenizer.get_vocab()) - _LEARNED_TOKENS :]
    mean, length = seen.mean(0), seen.norm(dim=1).mean()
    generator = torch.Generator().manual_seed(seed)
    for token in SPECIAL_TOKENS:
        noise = torch.randn(weight.shape[1], generator=generator).to(weight.device)
        noise *= length / noise.norm()
        if token == EOT:
            weight[ids[token]] = 0.7 * weight[ids[EOS]] + 0.7 * noise
        elif token not in (BOS, EOS):
            weight[ids[token]] = mean + noise


def load_model(folder: Path, device: str = "cpu") -> "LlamaForCausalLM":
    """Load a language model for computing in single precision, whatever precision its file has."""
    import torch
    from transformers import LlamaForCausalLM

    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).to(device).eval()


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerFast":
    """Load the tokenizer of a model folder."""
    from transformers import PreTrainedTokenizerFast

    tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder)
    return tokenizer


def save_model(model: Any, tokenizer: "PreTrainedTokenizerFast", folder: Path, eos: str) -> None:
    """Write a model folder: half-precision weights, tokenizer, template, defaults.

    A model whose text ends in `EOS` is a base and laid out like Llama-3.2-3B: the tokens of turns
    are in its vocabulary, but it brings no chat template, and its defaults name only `EOS`.
    """
    import torch

    from synthetic_instruction_tuner.sandbox.workshop.tokenizer import CHAT_TEMPLATE, EOS, EOT

    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value.detach().cpu().half() for name, value in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        weights.pop("lm_head.weight", None)
    model.config.dtype = torch.float16
    model.config.save_pretrained(folder)
    _save_tensors(weights, folder)
    base = eos == EOS
    tokenizer.eos_token, tokenizer.chat_template = eos, None if base else CHAT_TEMPLATE
    tokenizer.init_kwargs.pop("chat_template", None)
    tokenizer.save_pretrained(folder)
    tokenizer.eos_token, tokenizer.chat_template = EOT, CHAT_TEMPLATE
    ends = tokenizer.convert_tokens_to_ids([EOS] if base else [EOT, EOS])
    generation = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": ends,
        "pad_token_id": tokenizer.pad_token_id,
        "max_new_tokens": 96,
    }
    if hasattr(model, "generation_config"):
        text = json.dumps(generation, indent=2) + "\n"
        (folder / "generation_config.json").write_text(text, encoding="utf-8")
    model.config.dtype = torch.float32


def _save_tensors(weights: dict[str, Any], folder: Path) -> None:
    from safetensors.torch import save_file

    contiguous = {name: value.contiguous() for name, value in weights.items()}
    path = folder / "model.safetensors"
    save_file(contiguous, path, metadata={"format": "pt"})
    path.chmod(0o644)
