"""A chat template for students that ship none, as base models do.

Picked by the special tokens a tokenizer has, so that turns end with a token the family reserves
for it; where it has none, a plain text layout is used, ended by the end-of-text token.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.models.templates import pin_date

OWN = "own"
"""What stands for the chat template that a tokenizer brings."""


@dataclass(frozen=True)
class Template:
    """A template and the tokens it stands on.

    Attributes:
        tokens: Special tokens that a tokenizer must have.
        end: The token that ends a turn; None: the tokenizer's end-of-text token.
        source: Where the layout is documented.
    """

    name: str
    tokens: tuple[str, ...]
    end: str | None
    source: str
    text: str


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


def ensure_template(tokenizer: Any, family: str | None = None) -> str:
    """Give the tokenizer a chat template if it has none; set what pads and what ends an answer.

    A template of its own that writes the day's date (Llama 3.2) gets a fixed one: training, tests
    and whoever loads what is shipped see the same prompt on any day.

    Args:
        tokenizer: A Hugging Face tokenizer; changed in place.
        family: Name of the template of `TEMPLATES` to give, where several would fit.

    Returns:
        "own", or the name of the template that was given.

    Raises:
        ConfigurationError: If the named template is unknown or needs tokens that are not there, or
            the tokenizer's own asks for the date in a way that cannot be fixed.
    """
    name = OWN if tokenizer.chat_template else _give(tokenizer, family)
    if isinstance(tokenizer.chat_template, str):
        tokenizer.chat_template = pin_date(tokenizer.chat_template)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return name


def _give(tokenizer: Any, family: str | None) -> str:
    vocabulary = tokenizer.get_vocab()
    for template in TEMPLATES:
        if family not in (None, template.name):
            continue
        missing = [token for token in template.tokens if token not in vocabulary]
        if not missing and (template.end or tokenizer.eos_token):
            tokenizer.chat_template = template.text.replace(
                "{{ bos_token }}", "{{ bos_token }}" if tokenizer.bos_token else ""
            )
            if template.end:
                tokenizer.eos_token = template.end
            return template.name
        if family is not None:
            raise ConfigurationError(
                f"training.student.family={family!r} needs the tokens {missing or ['<eos>']}, "
                "which the student's tokenizer does not have"
            )
    allowed = ", ".join(one.name for one in TEMPLATES)
    raise ConfigurationError(
        "the student's tokenizer has no chat template and none of these fits it: "
        f"{allowed}; name one with training.student.family, or use a student that ships one"
    )
