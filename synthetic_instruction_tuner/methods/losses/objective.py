"""What an arm minimises: TRL's trainers give the losses and collators, the loop gives the rest.

An objective builds the TRL trainer of its method, feeds it batches, and evaluates the validation
split exactly (weighted by tokens or pairs, never a mean of batch means).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from synthetic_instruction_tuner.methods.losses import rows as losses_rows
from synthetic_instruction_tuner.methods.losses.rows import Conversation, Row

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer

Metrics = dict[str, float]


class Objective(Protocol):
    """What the loop asks of a method's loss."""

    needs_reference: bool
    """Whether the log-probabilities of the starting point must be known before the first step."""
    undefined_at_start: tuple[str, ...]
    """Metrics that mean nothing before the first step."""

    def read(self, path: Path) -> list[Conversation]:
        """Read the data it learns from."""

    def build(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        row: Row,
        arguments: dict[str, Any],
    ) -> Any:
        """Return a TRL trainer around the model; its loss, collator and accelerator are used.

        `row` is any one row (TRL looks at the columns of its data set), `arguments` are the
        training arguments common to all methods.
        """

    def examples(self, rows: Sequence[Row], reference: Reference | None) -> list[dict[str, Any]]:
        """Return rows as the trainer's collator takes them."""

    def weight(self, rows: Sequence[Row]) -> int:
        """Return what a mean over the batch divides by: tokens with loss, or pairs."""

    def loss(
        self, trainer: Trainer, model: PreTrainedModel, batch: Any, weight: int, total: int
    ) -> tuple[Any, Metrics]:
        """Return the part of the batch's mean loss that this micro-batch contributes, and figures.

        `weight` is the weight of the micro-batch, `total` that of the whole batch; the figures are
        means over the micro-batch.
        """

    def summarise(
        self, scores: Sequence[tuple[float, ...]], rows: Sequence[Row], reference: Reference | None
    ) -> Metrics:
        """Turn each validation row's log-probabilities of its responses into metrics."""


Reference = dict[str, tuple[float, float]]


class Supervised:
    """Mean negative log-likelihood of the response tokens."""

    needs_reference = False
    undefined_at_start: tuple[str, ...] = ()

    def read(self, path: Path) -> list[Conversation]:
        """Read kept examples."""
        return losses_rows.read_examples(path)

    def build(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        row: Row,
        arguments: dict[str, Any],
    ) -> Any:
        """Return a `trl.SFTTrainer` that takes rows already in tokens."""
        from datasets import Dataset
        from trl import SFTConfig, SFTTrainer

        settings = SFTConfig(dataset_kwargs={"skip_prepare_dataset": True}, **arguments)
        return SFTTrainer(
            model=model,
            args=settings,
            train_dataset=Dataset.from_list(losses_rows.collate_supervised([row])),
            processing_class=tokenizer,
        )

    def examples(self, rows: Sequence[Row], reference: Reference | None) -> list[dict[str, Any]]:
        """Return ids and labels."""
        return losses_rows.collate_supervised(rows)

    def weight(self, rows: Sequence[Row]) -> int:
        """Return the number of response tokens."""
        return sum(len(row.responses[0]) for row in rows)

    def loss(
        self, trainer: Trainer, model: PreTrainedModel, batch: Any, weight: int, total: int
    ) -> tuple[Any, Metrics]:
        """Return the summed loss of the tokens over the tokens of the whole batch."""
        import torch

        items = torch.tensor(total, device=batch["input_ids"].device)
        loss = trainer.compute_loss(model, batch, num_items_in_batch=items)
        return loss, {"token_accuracy": logged(trainer)["mean_token_accuracy"]}

    def summarise(
        self, scores: Sequence[tuple[float, ...]], rows: Sequence[Row], reference: Reference | None
    ) -> Metrics:
        """Return the mean loss a token, and the perplexity."""
        loss = -math.fsum(score[0] for score in scores) / self.weight(rows)
        return {"loss": loss, "perplexity": math.exp(min(loss, 700))}


def logged(trainer: Trainer) -> Metrics:
    """Take the means that a TRL trainer gathered since the last call."""
    metrics: Metrics = {}
    trainer.log(metrics)
    trainer.state.log_history.clear()
    return metrics
