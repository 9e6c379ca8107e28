"""What an arm minimises: TRL's trainers give the losses and collators, the loop gives the rest.

An objective builds the TRL trainer of its method, feeds it batches, and evaluates the validation
split exactly (weighted by tokens or pairs, never a mean of batch means).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from synthetic_instruction_tuner.training import data
from synthetic_instruction_tuner.training.data import Conversation, Row

Metrics = dict[str, float]


class Objective(Protocol):
    """What the loop asks of a method's loss."""

    needs_reference: bool
    """Whether the log-probabilities of the starting point must be known before the first step."""

    def read(self, path: Path) -> list[Conversation]:
        """Read the data it learns from."""

    def build(self, model: Any, tokenizer: Any, row: Row, arguments: dict[str, Any]) -> Any:
        """Return a TRL trainer around the model; its loss, collator and accelerator are used.

        `row` is any one row (TRL looks at the columns of its data set), `arguments` are the
        training arguments common to all methods.
        """

    def examples(self, rows: Sequence[Row], reference: Reference | None) -> list[dict[str, Any]]:
        """Return rows as the trainer's collator takes them."""

    def weight(self, rows: Sequence[Row]) -> int:
        """Return what a mean over the batch divides by: tokens with loss, or pairs."""

    def loss(self, trainer: Any, model: Any, batch: Any, weight: int, total: int) -> Any:
        """Return the part of the batch's mean loss that this micro-batch contributes.

        `weight` is the weight of the micro-batch, `total` that of the whole batch.
        """

    def metrics(self, logged: Metrics) -> Metrics:
        """Pick what belongs into the curve from what TRL logged during the step."""

    def summarise(
        self, scores: Sequence[tuple[float, ...]], rows: Sequence[Row], reference: Reference | None
    ) -> Metrics:
        """Turn each validation row's log-probabilities of its responses into metrics."""


Reference = dict[str, tuple[float, float]]


class Supervised:
    """Mean negative log-likelihood of the response tokens."""

    needs_reference = False

    def read(self, path: Path) -> list[Conversation]:
        """Read kept examples."""
        return data.read_examples(path)

    def build(self, model: Any, tokenizer: Any, row: Row, arguments: dict[str, Any]) -> Any:
        """Return a `trl.SFTTrainer` that takes rows already in tokens."""
        from datasets import Dataset
        from trl import SFTConfig, SFTTrainer

        settings = SFTConfig(dataset_kwargs={"skip_prepare_dataset": True}, **arguments)
        return SFTTrainer(
            model=model,
            args=settings,
            train_dataset=Dataset.from_list(data.collate_supervised([row])),
            processing_class=tokenizer,
        )

    def examples(self, rows: Sequence[Row], reference: Reference | None) -> list[dict[str, Any]]:
        """Return ids and labels."""
        return data.collate_supervised(rows)

    def weight(self, rows: Sequence[Row]) -> int:
        """Return the number of response tokens."""
        return sum(len(row.responses[0]) for row in rows)

    def loss(self, trainer: Any, model: Any, batch: Any, weight: int, total: int) -> Any:
        """Return the summed loss of the tokens over the tokens of the whole batch."""
        import torch

        items = torch.tensor(total, device=batch["input_ids"].device)
        return trainer.compute_loss(model, batch, num_items_in_batch=items)

    def metrics(self, logged: Metrics) -> Metrics:
        """Keep the share of tokens predicted right."""
        return {"token_accuracy": logged["mean_token_accuracy"]}

    def summarise(
        self, scores: Sequence[tuple[float, ...]], rows: Sequence[Row], reference: Reference | None
    ) -> Metrics:
        """Return the mean loss a token, and the perplexity."""
        loss = -math.fsum(score[0] for score in scores) / self.weight(rows)
        return {"loss": loss, "perplexity": math.exp(min(loss, 700))}


class Preference:
    """What all losses on pairs share: reading, collating, weighting by pairs."""

    needs_reference = False

    def read(self, path: Path) -> list[Conversation]:
        """Read preference pairs."""
        return data.read_pairs(path)

    def examples(self, rows: Sequence[Row], reference: Reference | None) -> list[dict[str, Any]]:
        """Return prompt, chosen and rejected ids, with the reference if there is one."""
        return data.collate_pairs(rows, reference)

    def weight(self, rows: Sequence[Row]) -> int:
        """Return the number of pairs."""
        return len(rows)

    def loss(self, trainer: Any, model: Any, batch: Any, weight: int, total: int) -> Any:
        """Return the micro-batch's mean over pairs, times its share of the batch."""
        return trainer.compute_loss(model, batch) * (weight / total)

    def metrics(self, logged: Metrics) -> Metrics:
        """Keep how chosen and rejected are told apart on the batch."""
        return {"accuracy": logged["rewards/accuracies"], "margin": logged["rewards/margins"]}


class DirectPreference(Preference):
    """The DPO loss (arXiv 2305.18290, equation 7) against stored reference log-probabilities."""

    needs_reference = True

    def __init__(self, beta: float) -> None:
        self.beta = beta

    def build(self, model: Any, tokenizer: Any, row: Row, arguments: dict[str, Any]) -> Any:
        """Return a `trl.DPOTrainer` that takes rows in tokens and references from the rows.

        TRL puts a copy of the adapter beside it as the reference. A copy taken while a run resumes
        would be the half-trained policy, so it is removed; the stored values are the reference.
        """
        from datasets import Dataset
        from trl import DPOConfig, DPOTrainer

        class Trainer(DPOTrainer):  # type: ignore[misc]
            def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
                return dataset

        trainer = Trainer(
            model=model,
            args=DPOConfig(beta=self.beta, **arguments),
            train_dataset=Dataset.from_list(data.collate_pairs([row])),
            processing_class=tokenizer,
        )
        if "ref" in getattr(model, "peft_config", {}):
            model.delete_adapter("ref")
        trainer.ref_model = None
        trainer.precompute_ref_logps = True
        return trainer

    def summarise(
        self, scores: Sequence[tuple[float, ...]], rows: Sequence[Row], reference: Reference | None
    ) -> Metrics:
        """Return loss, accuracy, margin (all in rewards, beta included) and the chosen's drift."""
        assert reference is not None
        margins, drifts = [], []
        for row, (chosen, rejected) in zip(rows, scores, strict=True):
            before_chosen, before_rejected = reference[row.id]
            drifts.append(chosen - before_chosen)
            margins.append(self.beta * ((chosen - before_chosen) - (rejected - before_rejected)))
        count = len(rows)
        return {
            "loss": math.fsum(softplus(-margin) for margin in margins) / count,
            "margin": math.fsum(margins) / count,
            "accuracy": sum(margin > 0 for margin in margins) / count,
            "chosen_drift": math.fsum(drifts) / count,
        }


def softplus(value: float) -> float:
    """Compute log(1 + e^value) without overflow; it is the negative log sigmoid of -value."""
    return max(value, 0.0) + math.log1p(math.exp(-abs(value)))
