"""From a tokenizer to its `Chat`: whose template it is, its family, and whether it can be used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.models import student_templates as layouts
from synthetic_instruction_tuner.models.chat import Chat
from synthetic_instruction_tuner.models.families import FAMILIES, Family, find_family
from synthetic_instruction_tuner.models.templates import pin, template_text, unpin

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def bind(
    tokenizer: PreTrainedTokenizerBase, family: str | None = None, end_ids: Sequence[int] = ()
) -> Chat:
    """Bind the tokenizer of a model that answers: a teacher, a responder.

    Args:
        tokenizer: A transformers tokenizer.
        family: Family from the settings; None to recognise it.
        end_ids: End tokens of the model's generation_config.

    Raises:
        ConfigurationError: If the tokenizer has no chat template, or of no known family, or one
            whose answers cannot be distinguished.
    """
    chat = Chat(tokenizer, find_family(family, template_text(tokenizer)), tuple(end_ids))
    chat.require_answers()
    return chat


def bind_student(
    tokenizer: PreTrainedTokenizerBase, family: str | None = None, end_ids: Sequence[int] = ()
) -> Chat:
    """Bind the tokenizer of a model that is trained.

    The tokenizer is changed in place, as it is shipped: it gets a template if it has none, the
    template gets a fixed date, reasoning off, and the begin token that the tokenizer would put
    before a text; and it can pad.

    Args:
        tokenizer: A transformers tokenizer.
        family: Family from the settings. For a tokenizer without template, or with one that cannot
            be trained with, it says whose layout to give; None: the first that fits.
        end_ids: End tokens of the model's generation_config.

    Raises:
        ConfigurationError: If there is no template that can be trained with.
    """
    layout = layouts.OWN
    if not tokenizer.chat_template:
        layout = layouts.give(tokenizer, family)
    chat = _prepared(tokenizer, family, end_ids, layout)
    try:
        chat.require_trainable()
    except ConfigurationError as error:
        if layout != layouts.OWN:
            raise
        if layouts.layout_of(family) is None:
            raise ConfigurationError(_advice(tokenizer, error)) from error
        chat = _prepared(tokenizer, family, end_ids, layouts.give(tokenizer, family))
        chat.require_trainable()
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return chat


def _prepared(
    tokenizer: PreTrainedTokenizerBase, family: str | None, end_ids: Sequence[int], layout: str
) -> Chat:
    tokenizer.chat_template = pin(template_text(tokenizer))
    chat = Chat(tokenizer, _family(family, tokenizer.chat_template), tuple(end_ids), layout)
    begin = tokenizer.bos_token_id
    puts_begin = begin is not None and tokenizer("a")["input_ids"][:1] == [begin]
    if puts_begin and chat.response_prompt([{"role": "user", "content": "a"}])[:1] != [begin]:
        tokenizer.chat_template = pin("{{ bos_token }}" + unpin(tokenizer.chat_template))
        chat = Chat(tokenizer, chat.family, tuple(end_ids), layout)
    return chat


def _family(name: str | None, template: str) -> Family:
    """Return the family; a student needs none, since nothing is drawn from it."""
    try:
        return find_family(name, template)
    except ConfigurationError:
        if name is not None:
            raise
        return FAMILIES[-1]


def _advice(tokenizer: PreTrainedTokenizerBase, error: Exception) -> str:
    fits = ", ".join(one.name for one in layouts.fitting(tokenizer))
    advice = f"give it another layout with training.student.family: {fits}; or u" if fits else "u"
    return f"the student {tokenizer.name_or_path!r}: {error}; {advice}se another student"


def describe(chat: Chat) -> dict[str, Any]:
    """Describe what will be done with a tokenizer, for `tuner doctor`.

    Returns:
        family, prefix (rendered pre-query prefix), prefix_ids, stop (tokens), turn_end (token),
        banned_first, temperature (published, or None), source, reasoning, template (fingerprint).
    """
    tokens = chat.tokenizer.convert_ids_to_tokens
    return {
        "family": chat.family.name,
        "prefix": chat.prefix_text(),
        "prefix_ids": chat.instruction_prompt(),
        "stop": tokens(list(chat.stop_ids)),
        "turn_end": tokens(chat.turn_end),
        "banned_first": tokens(list(chat.banned_first)),
        "temperature": chat.family.temperature,
        "source": chat.family.source,
        "reasoning": chat.reasoning,
        "template": chat.fingerprint,
    }
