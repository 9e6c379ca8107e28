"""Losses on preference pairs: DPO through TRL, and losses that need no reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.methods.losses import dropout
from synthetic_instruction_tuner.methods.losses import rows as losses_rows
from synthetic_instruction_tuner.methods.losses.objective import Metrics, Reference, logged
from synthetic_instruction_tuner.methods.losses.rows import Conversation, Row

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer


class Preference:
    """What all losses on pairs share: reading, collating, weighting by pairs."""

    def __init__(self, beta: float) -> None:
        self.beta = beta

    needs_reference = False
    undefined_at_start: tuple[str, ...] = ()

    def read(self, path: Path) -> list[Conversation]:
        """Read preference pairs."""
        return losses_rows.read_pairs(path)

    def examples(self, rows: Sequence[Row], reference: Reference | None) -> list[dict[str, Any]]:
        """Return prompt, chosen and rejected ids, with the reference if there is one."""
        return losses_rows.collate_pairs(rows, reference)

    def weight(self, rows: Sequence[Row]) -> int:
        """Return the number of pairs."""
        return len(rows)

    def loss(
        self, trainer: Trainer, model: PreTrainedModel, batch: Any, weight: int, total: int
    ) -> tuple[Any, Metrics]:
        """Return the micro-batch's mean over pairs, times its share of the batch."""
        loss = trainer.compute_loss(model, batch) * (weight / total)
        means = logged(trainer)
        return loss, {"accuracy": means["rewards/accuracies"], "margin": means["rewards/margins"]}

    def build(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        row: Row,
        arguments: dict[str, Any],
    ) -> Any:
        """Return a `trl.DPOTrainer` that takes rows in tokens and references from the rows.

        A log-ratio to a reference without dropout would hold the noise of both otherwise. TRL puts
        a copy of the adapter beside it as the reference. A copy taken while a run resumes
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
            train_dataset=Dataset.from_list(losses_rows.collate_pairs([row])),
            processing_class=tokenizer,
        )
        dropout.switch_off(model)
        if "ref" in getattr(model, "peft_config", {}):
            model.delete_adapter("ref")
        trainer.ref_model = None
        trainer.precompute_ref_logps = True
        return trainer


class DirectPreference(Preference):
    """The DPO loss (arXiv 2305.18290, equation 7) against stored reference log-probabilities."""

    needs_reference = True
    undefined_at_start: tuple[str, ...] = (
        "accuracy",
    )  # every margin is 0 there: nothing to be right about

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


def log_probabilities(model: PreTrainedModel, batch: dict[str, Any]) -> Any:
    """Return the log-probability of each response, through TRL's chunked output layer.

    Args:
        model: A model that TRL has given its `fused_lm_head`.
        batch: Ids and mask, (rows, tokens), with labels or a mask of the responses' tokens.

    Returns:
        Sums over the responses' tokens in nats, (rows,), in float32.
    """
    labels = batch.get("labels")
    if labels is None:
        labels = batch["input_ids"].masked_fill(batch["completion_mask"] == 0, -100)
    outputs = model(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        labels=labels,
        use_cache=False,
        fused_lm_head=True,
    )
    return outputs.log_probs.float().sum(dim=1)


@dataclass(frozen=True)
class Responses:
    """Log-probabilities (sums over tokens) and lengths of the pairs of a batch, as tensors."""

    chosen: Any
    rejected: Any
    chosen_tokens: Any
    rejected_tokens: Any


PairLoss = Callable[[Responses], tuple[Any, Any]]
"""From the responses of a batch to each pair's loss and margin."""


class ReferenceFree(Preference):
    """A loss on the policy's own log-probabilities alone.

    TRL has these as experimental trainers that hold all logits; here they take the same chunked
    output layer as SFT and DPO, so that arms differ in their loss and in nothing else.
    """

    def __init__(self, beta: float, pair_loss: PairLoss) -> None:
        super().__init__(beta)
        self._pair_loss = pair_loss

    def loss(
        self, trainer: Trainer, model: PreTrainedModel, batch: Any, weight: int, total: int
    ) -> tuple[Any, Metrics]:
        """Return the mean of the pair losses, times the micro-batch's share of the batch."""
        chosen, rejected = log_probabilities(model, batch).chunk(2)
        lengths = batch["completion_mask"].sum(dim=1).chunk(2)
        losses, margins = self._pair_loss(Responses(chosen, rejected, *lengths))
        margins = margins.detach()
        figures = {
            "accuracy": float((margins > 0).float().mean()),
            "margin": float(margins.mean()),
        }
        return losses.mean() * (weight / total), figures

    def summarise(
        self, scores: Sequence[tuple[float, ...]], rows: Sequence[Row], reference: Reference | None
    ) -> Metrics:
        """Return loss, accuracy and margin of the validation pairs."""
        import torch

        values = torch.tensor(scores, dtype=torch.float64).T
        lengths = torch.tensor([[len(one) for one in row.responses] for row in rows]).T
        losses, margins = self._pair_loss(Responses(values[0], values[1], lengths[0], lengths[1]))
        return {
            "loss": float(losses.mean()),
            "margin": float(margins.mean()),
            "accuracy": float((margins > 0).double().mean()),
        }
