"""What a model says about itself where it is used elsewhere: above all, where its answers end.

A base names the end of a text; what ends an answer is known from training alone. Whoever generates
with a model reads its generation_config, llama.cpp the tokenizer's end token, other tools
config.json: all of them name the token that was trained.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.models.chat import Chat

if TYPE_CHECKING:
    from transformers import PreTrainedModel

GENERATION_CONFIG = "generation_config.json"


def mark_ends(chat: Chat, model: PreTrainedModel) -> None:
    """Write into a model's configurations what ends its answers, and that it may use a cache."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    others = [one for one in chat.stop_ids if one != chat.turn_end]
    base.generation_config.eos_token_id = [chat.turn_end, *others]
    base.config.eos_token_id = chat.turn_end
    base.config.use_cache = True  # training had turned it off


def save(chat: Chat, model: PreTrainedModel, folder: Path) -> None:
    """Save the tokenizer and, beside an adapter too, the generation_config.

    An adapter's folder has no configuration of its own, and PEFT loads the base's.
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    chat.tokenizer.eos_token = chat.tokenizer.convert_ids_to_tokens(chat.turn_end)
    chat.tokenizer.save_pretrained(folder)
    base.generation_config.to_json_file(folder / GENERATION_CONFIG)
