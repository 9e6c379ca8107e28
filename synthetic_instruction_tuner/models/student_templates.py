"""A chat template for students that ship none, as base models do.

Picked by the special tokens a tokenizer has, so that turns end with a token the family reserves
for it; where it has none, a plain text layout is used, ended by the end-of-text token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from synthetic_instruction_tuner.errors import ConfigurationError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

OWN = "own"
"""What stands for the chat template that a tokenizer brings."""


@dataclass(frozen=True)
class Template:
    """A template and the tokens it stands on.

    Attributes:
        tokens: Special tokens that a tokenizer must have.
        end: The token that ends a turn; None: the tokenizer's end-of-text token.
        source: Where the layout is documented.
        families: Families (see `families`) whose models are given it, besides that of its name.
    """

    name: str
    tokens: tuple[str, ...]
    end: str | None
    source: str
    text: str
    families: tuple[str, ...] = ()


TEMPLATES = (
    Template(
        "llama-3",
        ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
        "<|eot_id|>",
        "https://www.llama.com/docs/model-cards-and-prompt-formats/meta-llama-3/",
        "{{ bos_token }}{% for message in messages %}"
        "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
        " + message['content'] | trim + '<|eot_id|>' }}{% endfor %}"
        "{% if add_generation_prompt %}"
        "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
        families=("sandbox", "llama-3.1", "llama-3.2", "llama-3.3"),
    ),
    Template(
        "chatml",
        ("<|im_start|>", "<|im_end|>"),
        "<|im_end|>",
        "https://github.com/openai/openai-python/blob/v0.28.1/chatml.md",
        "{{ bos_token }}{% for message in messages %}"
        "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] | trim"
        " + '<|im_end|>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
        families=("qwen-2", "qwen-2.5", "qwen-3", "qwen-3-instruct", "smollm-2", "smollm-3"),
    ),
    Template(
        "gemma",
        ("<start_of_turn>", "<end_of_turn>"),
        "<end_of_turn>",
        "https://ai.google.dev/gemma/docs/core/prompt-structure",
        "{{ bos_token }}{% for message in messages %}"
        "{{ '<start_of_turn>' + ('model' if message['role'] == 'assistant' else 'user') + '\n'"
        " + message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}",
        families=("gemma-2", "gemma-3"),
    ),
    Template(
        "plain",
        (),
        None,
        "https://github.com/tatsu-lab/stanford_alpaca (headers of the prompt)",
        "{{ bos_token }}{% for message in messages %}"
        "{% if message['role'] == 'assistant' %}"
        "{{ '### Response:\n' + message['content'] | trim + eos_token }}"
        "{% else %}{{ '### Instruction:\n' + message['content'] | trim + '\n\n' }}{% endif %}"
        "{% endfor %}{% if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}",
    ),
)


def layout_of(family: str | None) -> Template | None:
    """Return the layout that a family's models are given; None if it has none."""
    return next((one for one in TEMPLATES if family in (one.name, *one.families)), None)


def fitting(tokenizer: PreTrainedTokenizerBase) -> list[Template]:
    """Return the layouts whose tokens a tokenizer has."""
    vocabulary = tokenizer.get_vocab()
    return [
        one
        for one in TEMPLATES
        if all(token in vocabulary for token in one.tokens) and (one.end or tokenizer.eos_token)
    ]


def give(tokenizer: PreTrainedTokenizerBase, family: str | None = None) -> str:
    """Give a tokenizer a chat template, and the token of its own that ends a turn there.

    Args:
        tokenizer: A Hugging Face tokenizer; changed in place.
        family: Family whose layout to give; None for the first that fits.

    Returns:
        The name of the layout.

    Raises:
        ConfigurationError: If the family has no layout, or none fits the tokenizer's tokens.
    """
    fits = fitting(tokenizer)
    wanted = layout_of(family)
    if family is not None and wanted is None:
        raise ConfigurationError(
            f"training.student.family={family!r} has no layout for a student without chat "
            f"template; families that have one: {', '.join(layout_families())}"
        )
    if wanted is not None and wanted not in fits:
        raise ConfigurationError(
            f"training.student.family={family!r} needs the tokens {list(wanted.tokens)}, which "
            "the student's tokenizer does not have; layouts that fit it: "
            f"{', '.join(one.name for one in fits) or 'none'}"
        )
    if not fits:
        raise ConfigurationError(
            "the student's tokenizer has no chat template and no token that ends a text, so that "
            "no layout fits it; use a student that ships a template"
        )
    chosen = wanted or fits[0]
    begin = "{{ bos_token }}"
    tokenizer.chat_template = chosen.text.replace(begin, begin if tokenizer.bos_token else "")
    if chosen.end:
        tokenizer.eos_token = chosen.end
    return chosen.name


def layout_families() -> list[str]:
    """List every family whose layout can be given."""
    return [name for one in TEMPLATES for name in dict.fromkeys((one.name, *one.families))]
