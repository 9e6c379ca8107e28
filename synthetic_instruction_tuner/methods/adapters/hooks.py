"""What a method does around weight updates, beyond gradients: AdaLoRA gives and takes ranks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Hooks(Protocol):
    """What the training loop asks of a method that has something to do at every update."""

    def penalty(self) -> Tensor:
        """Return a term of the loss that comes once an update, however it is split into passes."""

    def after_step(self, step: int) -> None:
        """Act between an update and the clearing of its gradients.

        Args:
            step: Finished updates, this one included.
        """

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors that a checkpoint has to hold besides weights and optimizer."""

    def values(self) -> dict[str, object]:
        """Return what else a checkpoint has to hold, as JSON values."""

    def restore(self, tensors: Mapping[str, Tensor], values: Mapping[str, object]) -> None:
        """Put back what a checkpoint held; nothing of what came after it stays."""


class RankAllocation:
    """AdaLoRA's: ranks are pruned by importance, singular vectors held orthogonal (2303.10512).

    PEFT adds its term to the loss of every forward pass that has labels, which would count it once
    a micro-batch and in no loss from log-probabilities. Here it is one term an update.

    Args:
        model: The `peft.PeftModel`.
    """

    def __init__(self, model: Any) -> None:
        tuner = model.base_model
        self._tuner, self._config = tuner, tuner.peft_config[tuner.trainable_adapter_name]
        tuner.forward = lambda *given, **named: tuner.model.forward(*given, **named)
        named = list(tuner.model.named_parameters())
        self._right = [one for name, one in named if one.requires_grad and "lora_A" in name]
        self._left = [one for name, one in named if one.requires_grad and "lora_B" in name]

    def penalty(self) -> Tensor:
        """Return the mean distance of P^T P and Q Q^T from the identity, times its weight."""
        import torch

        products = [one @ one.T for one in self._right] + [one.T @ one for one in self._left]
        apart = [torch.linalg.norm(one - torch.eye(len(one)).to(one)) for one in products]
        return self._config.orth_reg_weight * sum(apart) / len(apart)

    def after_step(self, step: int) -> None:
        """Update the importance of ranks, and prune those that the budget has no place for."""
        self._tuner.update_and_allocate(step)

    def tensors(self) -> dict[str, Tensor]:
        """Return sensitivities and their averages."""
        held = self._tuner.rankallocator
        kinds = {"ipt": held.ipt, "average": held.exp_avg_ipt, "spread": held.exp_avg_unc}
        return {f"{k}/{name}": one for k, found in kinds.items() for name, one in found.items()}

    def values(self) -> dict[str, object]:
        """Return which ranks are left."""
        return {"rank_pattern": self._config.rank_pattern}

    def restore(self, tensors: Mapping[str, Tensor], values: Mapping[str, object]) -> None:
        """Put back sensitivities, averages and ranks."""
        held, places = self._tuner.rankallocator, dict(self._tuner.model.named_parameters())
        held.reset_ipt()
        kinds = {"ipt": held.ipt, "average": held.exp_avg_ipt, "spread": held.exp_avg_unc}
        for key, value in tensors.items():
            kind, name = key.split("/", 1)
            kinds[kind][name] = value.to(places[name].device)
        self._config.rank_pattern = values.get("rank_pattern")
