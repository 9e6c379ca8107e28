"""Rows of text become rows of tokens, in the student's chat template.

The loss counts on the response only, which ends with the token that ends a turn, so that the
student learns to stop. A row that is too long is left out: cut, it would teach the opposite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.methods.losses.rows import Conversation, Row
from synthetic_instruction_tuner.models.chat import Chat


@dataclass
class Rows:
    """The rows of both splits, and what was left out.

    Attributes:
        too_long: Rows with more tokens than `max_length`.
        alike: Pairs whose two responses are the same tokens; nothing could be learned from them.
    """

    train: list[Row] = field(default_factory=list)
    validation: list[Row] = field(default_factory=list)
    too_long: int = 0
    alike: int = 0


def encode(conversations: Sequence[Conversation], chat: Chat, max_length: int) -> Rows:
    """Turn conversations into rows.

    Args:
        conversations: What to learn from.
        chat: The student's chat template.
        max_length: Longest prompt + response in tokens.

    Raises:
        StageError: If nothing is left to learn from, or to validate on.
    """
    rows = Rows()
    came = {"train": 0, "validation": 0}
    for one in conversations:
        split = "train" if one.split == "train" else "validation"
        came[split] += 1
        row = _tokenize(one, chat)
        if row.length > max_length:
            rows.too_long += 1
        elif len(row.responses) > 1 and len(set(row.responses)) == 1:
            rows.alike += 1
        else:
            (rows.train if split == "train" else rows.validation).append(row)
    for split, count in came.items():
        if not getattr(rows, split):
            raise StageError(
                f"no row left in the {split} split: {count} rows came in; of all "
                f"{len(conversations)}, {rows.too_long} are longer than "
                f"training.max_length={max_length} tokens and {rows.alike} are pairs of equal "
                "responses; raise training.max_length, or make more rows"
            )
    return rows


def _tokenize(one: Conversation, chat: Chat) -> Row:
    learned = [chat.learned(one.prompt, response) for response in one.responses]
    prompt = learned[0][0]
    return Row(one.id, tuple(prompt), tuple(tuple(answer) for _, answer in learned), one.desired)
