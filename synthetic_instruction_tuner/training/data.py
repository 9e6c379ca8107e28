"""Rows of text become rows of tokens, in the student's chat template.

The loss counts on the response only; it starts with exactly one beginning-of-text token, if the
tokenizer has one, and ends with the token that ends a turn, so that the student learns to stop.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.methods.losses.rows import Conversation, Row
from synthetic_instruction_tuner.models.chat import drop_after_turn_end, render


@dataclass
class Rows:
    """The rows of both splits, and what happened to rows that are too long.

    Attributes:
        truncated: Rows whose response was cut at `max_length`.
        dropped: Rows whose prompt alone fills `max_length`; nothing could be learned from them.
    """

    train: list[Row] = field(default_factory=list)
    validation: list[Row] = field(default_factory=list)
    truncated: int = 0
    dropped: int = 0


def encode(conversations: Sequence[Conversation], tokenizer: Any, max_length: int) -> Rows:
    """Turn conversations into rows.

    Args:
        conversations: What to learn from.
        tokenizer: A Hugging Face tokenizer with a chat template.
        max_length: Longest prompt + response in tokens.

    Raises:
        StageError: If nothing is left to learn from, or to validate on.
    """
    rows = Rows()
    for one, row in zip(conversations, _tokenize(conversations, tokenizer), strict=True):
        room = max_length - len(row.prompt)
        if room <= 0:
            rows.dropped += 1
            continue
        rows.truncated += any(len(response) > room for response in row.responses)
        cut = replace(row, responses=tuple(response[:room] for response in row.responses))
        (rows.train if one.split == "train" else rows.validation).append(cut)
    for split in ("train", "validation"):
        if not getattr(rows, split):
            raise StageError(
                f"no row left in the {split} split: {len(conversations)} rows came in and "
                f"{rows.dropped} have a prompt longer than training.max_length={max_length}"
            )
    return rows


def _tokenize(conversations: Sequence[Conversation], tokenizer: Any) -> Iterable[Row]:
    prompts = [list(one.prompt) for one in conversations]
    heads = render(prompts, tokenizer, add_generation_prompt=True)
    fulls = [
        render(
            [
                [*one.prompt, {"role": "assistant", "content": one.responses[which]}]
                for one in conversations
            ],
            tokenizer,
            add_generation_prompt=False,
        )
        for which in range(len(conversations[0].responses))
    ]
    for number, one in enumerate(conversations):
        head = heads[number]
        sequences = [drop_after_turn_end(full[number], tokenizer) for full in fulls]
        if any(sequence[: len(head)] != head for sequence in sequences):
            raise StageError(
                "the chat template renders a prompt alone differently from the same prompt with "
                f"an answer (row {one.id}); set training.student.family to a template that does not"
            )
        responses = tuple(tuple(each[len(head) :]) for each in sequences)
        yield Row(one.id, tuple(head), responses, one.desired)
