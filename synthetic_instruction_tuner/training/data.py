"""Rows of text become rows of tokens, in the student's chat template.

The loss counts on the response only; it starts with exactly one beginning-of-text token, if the
tokenizer has one, and ends with the token that ends a turn, so that the student learns to stop.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.models.templates import FIXED_DATE
from synthetic_instruction_tuner.records import Example, PreferencePair, read_lines

Message = dict[str, str]


@dataclass(frozen=True)
class Conversation:
    """A prompt with the responses that are learned from: one, or chosen and rejected.

    Attributes:
        desired: Whether the first response is one to learn; False only where rows carry a verdict.
    """

    id: str
    prompt: tuple[Message, ...]
    responses: tuple[str, ...]
    split: str
    desired: bool = True


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
        sequences = [_end(full[number], tokenizer) for full in fulls]
        if any(sequence[: len(head)] != head for sequence in sequences):
            raise StageError(
                "the chat template renders a prompt alone differently from the same prompt with "
                f"an answer (row {one.id}); set training.student.family to a template that does not"
            )
        responses = tuple(tuple(each[len(head) :]) for each in sequences)
        yield Row(one.id, tuple(head), responses, one.desired)


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


def _end(ids: list[int], tokenizer: Any) -> list[int]:
    """Drop white space after the end of the turn (ChatML writes a line break there)."""
    special = set(tokenizer.all_special_ids)
    last = len(ids)
    while last > 0 and ids[last - 1] not in special:
        last -= 1
        if tokenizer.decode(ids[last:]).strip():
            return [*ids, tokenizer.eos_token_id]
    return ids[:last]


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
