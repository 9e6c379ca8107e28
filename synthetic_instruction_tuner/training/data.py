"""Rows of text become rows of tokens, in the student's chat template.

The loss counts on the response only, which ends with the token that ends a turn, so that the
student learns to stop. A row that is too long is left out: cut, it would teach the opposite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.methods.losses.rows import Conversation, Row
from synthetic_instruction_tuner.models.chat import Chat
from synthetic_instruction_tuner.training.job import Job
from synthetic_instruction_tuner.training.order import Order


@dataclass
class Rows:
    """The rows of both splits, and what was left out.

    Attributes:
        too_long: Rows with more tokens than `max_length`.
        alike: Rows of pairs whose responses are the same tokens: there is nothing to learn.
    """

    train: list[Row] = field(default_factory=list)
    validation: list[Row] = field(default_factory=list)
    too_long: int = 0
    alike: int = 0

    def order(self, job: Job) -> Order:
        """Return the order in which an arm takes the rows, and so how many updates it has."""
        lengths = tuple(row.length for row in self.train)
        return Order(lengths, job.arm.batch_size, job.arm.epochs, job.seed)


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
    for _, group in groupby(enumerate(conversations), lambda one: one[1].pair or one[0]):
        members = [one for _, one in group]
        split = "train" if members[0].split == "train" else "validation"
        came[split] += len(members)
        made = [_tokenize(one, chat) for one in members]
        if any(row.length > max_length for row in made):
            rows.too_long += len(made)
        elif _is_alike(made):
            rows.alike += len(made)
        else:
            (rows.train if split == "train" else rows.validation).extend(made)
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


def _is_alike(rows: Sequence[Row]) -> bool:
    """Tell whether what is set against each other, in one row or in two, are the same tokens."""
    sides = rows[0].responses if len(rows) == 1 else tuple(row.responses[0] for row in rows)
    return len(sides) > 1 and len(set(sides)) == 1
