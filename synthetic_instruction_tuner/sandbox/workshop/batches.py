"""From endless corpora to batches: encode, bucket by length, pad on the right, weigh the loss."""

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from synthetic_instruction_tuner.sandbox.workshop.corpus import (
    Conversation,
    conversations,
    student_documents,
)
from synthetic_instruction_tuner.sandbox.workshop.tokenizer import (
    BOS,
    EOS,
    EOT,
    HEADER_END,
    HEADER_START,
)

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerFast

# Words of an instruction are mostly free choices: weighing them less leaves more of the
# gradient to the answers.
INSTRUCTION_WEIGHT: Final = 0.5
# Evaluation harnesses differ in whether they put the begin token before a base model's text.
WITHOUT_BOS_SHARE: Final = 0.1
_POOL_ROWS: Final = 1024


class Encoded(NamedTuple):
    """One row: token ids and the loss weight of predicting each."""

    ids: list[int]
    weights: list[float]


class Batch(NamedTuple):
    """Right-padded rows.

    Attributes:
        ids: Token ids, (rows, length).
        targets: Token id to predict, -100 beyond the row's end, (rows, length - 1).
        weights: Loss weight of each target, (rows, length - 1).
        tokens: Number of real tokens.
    """

    ids: "torch.Tensor"
    targets: "torch.Tensor"
    weights: "torch.Tensor"
    tokens: int

    def to(self, device: "torch.device") -> "Batch":
        """Copy the tensors to a device."""
        tensors = (self.ids.to(device), self.targets.to(device), self.weights.to(device))
        return Batch(*tensors, tokens=self.tokens)


def encode_conversation(row: Conversation, tokenizer: "PreTrainedTokenizerFast") -> Encoded:
    """Encode a chat row exactly as the chat template writes it."""
    special = {
        token: tokenizer.convert_tokens_to_ids(token)
        for token in (BOS, EOT, HEADER_START, HEADER_END)
    }
    ids, weights = [special[BOS]], [0.0]
    for turn in row:
        head = tokenizer.encode(f"{turn['role']}", add_special_tokens=False)
        gap = tokenizer.encode("\n\n", add_special_tokens=False)
        body = tokenizer.encode(turn["content"].strip(), add_special_tokens=False)
        piece = [special[HEADER_START], *head, special[HEADER_END], *gap, *body, special[EOT]]
        weight = 1.0 if turn["role"] == "assistant" else INSTRUCTION_WEIGHT
        ids += piece
        weights += [INSTRUCTION_WEIGHT] * (len(piece) - len(body) - 1) + [weight] * (len(body) + 1)
    return Encoded(ids, weights)


def encode_document(text: str, tokenizer: "PreTrainedTokenizerFast", rng: Random) -> Encoded:
    """Encode a plain document: begin token (mostly), text, end-of-text token."""
    body = tokenizer.encode(text, add_special_tokens=False)
    head = [] if rng.random() < WITHOUT_BOS_SHARE else [tokenizer.convert_tokens_to_ids(BOS)]
    ids = [*head, *body, tokenizer.convert_tokens_to_ids(EOS)]
    return Encoded(ids, [1.0] * len(ids))


def chat_rows(seed: int, tokenizer: "PreTrainedTokenizerFast") -> Iterator[Encoded]:
    """Yield encoded rows of the teacher's corpus."""
    for row in conversations(seed):
        yield encode_conversation(row, tokenizer)


def plain_rows(seed: int, tokenizer: "PreTrainedTokenizerFast") -> Iterator[Encoded]:
    """Yield encoded rows of the student's corpus."""
    rng = Random(f"bos-{seed}")
    for text in student_documents(seed):
        yield encode_document(text, tokenizer, rng)


def pad(rows: list[Encoded], pad_id: int) -> Batch:
    """Pad rows on the right; causal attention never looks at the padding, so no mask is needed."""
    import torch

    length = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), length), pad_id)
    targets = torch.full((len(rows), length - 1), -100)
    weights = torch.zeros(len(rows), length - 1)
    for index, row in enumerate(rows):
        size = len(row.ids)
        ids[index, :size] = torch.tensor(row.ids)
        targets[index, : size - 1] = torch.tensor(row.ids[1:])
        weights[index, : size - 1] = torch.tensor(row.weights[1:])
    return Batch(ids, targets, weights, sum(len(row.ids) for row in rows))


def batches(
    rows: Iterator[Encoded], pad_id: int, tokens: int, seed: int, longest: int = 512
) -> Iterator[Batch]:
    """Group rows of like length into batches of about `tokens` padded tokens, in random order."""
    rng = Random(f"batches-{seed}")
    while True:
        pool = sorted((next(rows) for _ in range(_POOL_ROWS)), key=lambda row: len(row.ids))
        groups: list[list[Encoded]] = [[]]
        for row in pool:
            if len(row.ids) > longest:
                continue
            if groups[-1] and len(row.ids) * (len(groups[-1]) + 1) > tokens:
                groups.append([])
            groups[-1].append(row)
        rng.shuffle(groups)
        for group in groups:
            yield pad(group, pad_id)
