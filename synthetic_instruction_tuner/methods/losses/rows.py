"""The rows that losses read: conversations as text and as tokens, and batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.records import Example, Message, PreferencePair, read_lines


@dataclass(frozen=True)
class Conversation:
    """A prompt with the responses that are learned from: one, or chosen and rejected.

    Attributes:
        desired: Whether the first response is one to learn; False only where rows carry a verdict.
        pair: The pair it is one half of, where pairs are read as two rows: both stay, or neither.
    """

    id: str
    prompt: tuple[Message, ...]
    responses: tuple[str, ...]
    split: str
    desired: bool = True
    pair: str = ""


@dataclass(frozen=True)
class Row:
    """A conversation in tokens.

    Attributes:
        prompt: Tokens without loss, up to and including the header of the response.
        responses: Tokens of each response, the end of the turn included.
        desired: The verdict of the conversation.
    """

    id: str
    prompt: tuple[int, ...]
    responses: tuple[tuple[int, ...], ...]
    desired: bool = True

    @property
    def length(self) -> int:
        """Tokens of the longest sequence that goes through the model."""
        return len(self.prompt) + max(len(one) for one in self.responses)

    @property
    def tokens(self) -> int:
        """Tokens of all its sequences."""
        return sum(len(self.prompt) + len(one) for one in self.responses)

    @property
    def loss_tokens(self) -> int:
        """Tokens that the loss counts on."""
        return sum(len(one) for one in self.responses)


def read_examples(path: Path) -> list[Conversation]:
    """Read kept examples; of a conversation with several turns the last answer is learned.

    The system prompt that steered the teacher to a domain is left out, as in Magpie's own data
    (arXiv 2406.08464): the student is to answer well without being steered.
    """
    return [
        Conversation(
            one.id,
            tuple(one.messages[:-1]) or ({"role": "user", "content": one.instruction},),
            (one.messages[-1]["content"] if one.messages else one.response,),
            one.split,
        )
        for one in read_lines(path, Example)
    ]


def read_pairs(path: Path) -> list[Conversation]:
    """Read preference pairs: the first response is the chosen one."""
    return [
        Conversation(
            one.id,
            tuple(one.messages) or ({"role": "user", "content": one.prompt},),
            (one.chosen, one.rejected),
            one.split,
        )
        for one in read_lines(path, PreferencePair)
    ]


def collate_supervised(rows: Sequence[Row]) -> list[dict[str, list[int]]]:
    """Return ids, and labels of -100 on the prompt, as TRL's language-modelling collator does."""
    return [
        {
            "input_ids": [*row.prompt, *row.responses[0]],
            "labels": [-100] * len(row.prompt) + list(row.responses[0]),
        }
        for row in rows
    ]


def collate_pairs(
    rows: Sequence[Row], reference: dict[str, tuple[float, float]] | None = None
) -> list[dict[str, Any]]:
    """Return what TRL's preference collator takes.

    Args:
        rows: Rows with a chosen and a rejected response.
        reference: Reference log-probabilities (chosen, rejected) by row id, if there are any.
    """
    examples = []
    for row in rows:
        example: dict[str, Any] = {
            "prompt_ids": list(row.prompt),
            "chosen_ids": list(row.responses[0]),
            "rejected_ids": list(row.responses[1]),
        }
        if reference is not None:
            example["ref_chosen_logps"], example["ref_rejected_logps"] = reference[row.id]
        examples.append(example)
    return examples
