"""Where a conversation becomes tokens: prompts, begin tokens, and the tokens that end an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from synthetic_instruction_tuner.models.templates import FIXED_DATE
from synthetic_instruction_tuner.records import Message


def render(
    conversations: Sequence[list[Message]], tokenizer: Any, add_generation_prompt: bool
) -> list[list[int]]:
    """Render conversations to tokens, with exactly one begin token where the tokenizer has one."""
    texts = tokenizer.apply_chat_template(
        conversations,
        tokenize=False,
        add_generation_prompt=add_generation_prompt,
        date_string=FIXED_DATE.strftime("%d %b %Y"),  # Llama 3.1 and 3.2 print today's otherwise
    )
    encoded: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"]
    start = tokenizer.bos_token_id
    if start is None or not getattr(tokenizer, "add_bos_token", True):
        return encoded
    return [ids if ids[:1] == [start] else [start, *ids] for ids in encoded]


def drop_after_turn_end(ids: list[int], tokenizer: Any) -> list[int]:
    """Drop white space after the end of the turn (ChatML writes a line break there)."""
    special = set(tokenizer.all_special_ids)
    last = len(ids)
    while last > 0 and ids[last - 1] not in special:
        last -= 1
        if tokenizer.decode(ids[last:]).strip():
            return [*ids, tokenizer.eos_token_id]
    return ids[:last]


def tokenize(tokenizer: Any, text: str) -> tuple[int, ...]:
    """Turn a prompt into tokens with exactly one beginning-of-text token, if there is any."""
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    start = tokenizer.bos_token_id
    if start is not None and getattr(tokenizer, "add_bos_token", True) and ids[:1] != [start]:
        ids = [start, *ids]
    return tuple(ids)


def stop_tokens(tokenizer: Any, model: Any) -> tuple[int, ...]:
    """Return the tokens that end an answer: the tokenizer's, the model's, and the template's."""
    found = {tokenizer.eos_token_id}
    configured = model.generation_config.eos_token_id
    found |= set(configured) if isinstance(configured, list) else {configured}
    found |= {_turn_end(tokenizer)}
    return tuple(sorted(one for one in found if one is not None))


def _turn_end(tokenizer: Any) -> int | None:
    """Return the special token that the chat template writes after an answer."""
    if not tokenizer.chat_template:
        return None
    turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]
    ids: list[int] = tokenizer(
        tokenizer.apply_chat_template(turns, tokenize=False), add_special_tokens=False
    )["input_ids"]
    special = [one for one in ids[-3:] if one in set(tokenizer.all_special_ids)]
    return special[-1] if special else None
