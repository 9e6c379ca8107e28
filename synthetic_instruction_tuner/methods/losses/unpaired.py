"""The KTO loss: single responses with a verdict, made of preference pairs (arXiv 2402.01306).

TRL's KTO trainer takes the same loss but its own batches; here the order, the reference and the
output layer are those of the other preference methods, so that arms differ in their loss alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.methods.losses import rows as losses_rows
from synthetic_instruction_tuner.methods.losses.objective import Metrics, Reference
from synthetic_instruction_tuner.methods.losses.pairwise import Preference, log_probabilities
from synthetic_instruction_tuner.methods.losses.rows import Conversation, Row

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer


class Verdicts(Preference):
    """Value of a response: how much likelier it became than responses became on average.

    The average, the paper's reference point z0, is estimated from prompts with the response to
    another prompt: the mean log-ratio of policy and reference, at least 0. A row therefore holds
    two responses: its own, and that other one.
    """

    needs_reference = True
    undefined_at_start: tuple[str, ...] = ("accuracy",)

    def __init__(self, beta: float, desirable: float, undesirable: float) -> None:
        super().__init__(beta)
        self._weights = {True: desirable, False: undesirable}

    def read(self, path: Path) -> list[Conversation]:
        """Read every pair as two conversations, each with a response from the next pair's."""
        pairs = losses_rows.read_pairs(path)
        return [one for split in ("train", "validation") for one in _unpair(pairs, split)]

    def build(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        row: Row,
        arguments: dict[str, Any],
    ) -> Any:
        """Return the trainer of the other preference methods; its batches keep the verdicts."""
        trainer = super().build(model, tokenizer, row, arguments)
        trainer.data_collator = _KeepVerdicts(trainer.data_collator)
        return trainer

    def examples(self, rows: Sequence[Row], reference: Reference | None) -> list[dict[str, Any]]:
        """Return ids of both responses, the reference if there is one, and the verdict."""
        plain = super().examples(rows, reference)
        return [{**one, "desired": row.desired} for one, row in zip(plain, rows, strict=True)]

    def loss(
        self, trainer: Trainer, model: PreTrainedModel, batch: Any, weight: int, total: int
    ) -> tuple[Any, Metrics]:
        """Return the mean loss of the responses, times the micro-batch's share of the batch."""
        import torch

        own, other = _halves(batch)
        with torch.no_grad():
            drift = log_probabilities(model, other) - batch["ref_rejected_logps"]
        usual = drift.mean().clamp(min=0)
        ratios = log_probabilities(model, own) - batch["ref_chosen_logps"]
        desired = batch["desired"]
        signs = torch.where(desired, 1.0, -1.0)
        weights = torch.where(desired, self._weights[True], self._weights[False])
        losses = weights * (1 - torch.sigmoid(self.beta * signs * (ratios - usual)))
        right = (signs * (ratios.detach() - usual) > 0).float().mean()
        return losses.mean() * (weight / total), {"verdicts": float(right), "usual": float(usual)}

    def summarise(
        self, scores: Sequence[tuple[float, ...]], rows: Sequence[Row], reference: Reference | None
    ) -> Metrics:
        """Return the loss with z0 over the whole split, and accuracy and margin of the pairs."""
        assert reference is not None
        ratios, others = [], []
        for row, (own, other) in zip(rows, scores, strict=True):
            ratios.append(own - reference[row.id][0])
            others.append(other - reference[row.id][1])
        usual = max(0.0, math.fsum(others) / len(rows))
        losses = [
            self._weights[row.desired]
            * (1 - sigmoid(self.beta * (1 if row.desired else -1) * (ratio - usual)))
            for row, ratio in zip(rows, ratios, strict=True)
        ]
        chosen = [ratio for row, ratio in zip(rows, ratios, strict=True) if row.desired]
        rejected = [ratio for row, ratio in zip(rows, ratios, strict=True) if not row.desired]
        margins = [self.beta * (a - b) for a, b in zip(chosen, rejected, strict=True)]
        return {
            "loss": math.fsum(losses) / len(rows),
            "margin": math.fsum(margins) / len(margins),
            "accuracy": sum(margin > 0 for margin in margins) / len(margins),
            "chosen_drift": math.fsum(chosen) / len(chosen),
            "usual": usual,
        }


class _KeepVerdicts:
    """A collator of pairs that passes the verdicts on."""

    def __init__(self, plain: Any) -> None:
        self._plain = plain

    def __call__(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
        import torch

        verdicts = torch.tensor([one["desired"] for one in examples])
        return {**self._plain(examples), "desired": verdicts}


def _unpair(pairs: Sequence[Conversation], split: str) -> list[Conversation]:
    """Make two conversations of every pair of a split."""
    inside = [one for one in pairs if one.split == split]
    return [
        Conversation(
            f"{one.id}/{name}", one.prompt, (one.responses[which], after.responses[which]),
            split, which == 0, one.id,
        )
        for one, after in zip(inside, [*inside[1:], *inside[:1]], strict=True)
        for which, name in enumerate(("chosen", "rejected"))
    ]  # fmt: skip


def _halves(batch: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split a batch into the rows' own responses and the others, which stand below them."""
    names = ("input_ids", "attention_mask", "completion_mask")
    halves = {name: batch[name].chunk(2) for name in names}
    return {name: one[0] for name, one in halves.items()}, {
        name: one[1] for name, one in halves.items()
    }


def sigmoid(value: float) -> float:
    """Compute 1 / (1 + e^-value) without overflow."""
    return 0.5 * (1 + math.tanh(value / 2))
