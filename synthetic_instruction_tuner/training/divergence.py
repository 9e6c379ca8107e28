"""How far a preference arm has moved from where it started: KL divergence of the next token.

Not an estimate from samples: the sum over the whole vocabulary, at every token of the held-out
responses, of policy * log(policy / start). It is of the contexts that those responses give, not of
texts that the policy would write itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from synthetic_instruction_tuner.methods.losses.rows import Row

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

ROWS = 32
"""Rows that are measured at most, the first of the validation split."""
TOKENS = 256
"""Tokens of a response at most: the logits of one response are held twice."""


class Divergence:
    """Remembers the weights a run starts from and measures the policy against them.

    Args:
        parameters: The trained parameters before the first step, and before a checkpoint is read.
    """

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = parameters
        self._start = {name: one.detach().clone() for name, one in parameters.items()}

    def measure(
        self,
        model: PreTrainedModel,
        rows: Sequence[Row],
        device: torch.device,
        between: Callable[[], None],
    ) -> float:
        """Return the mean over all tokens, in nats a token.

        Args:
            model: The model that holds the parameters.
            rows: The validation split.
            device: Where the model is.
            between: Called before each row; may raise to end the pass.
        """
        import torch

        model.eval()
        found: list[float] = []
        with torch.no_grad():
            for row in rows[:ROWS]:
                between()
                for response in row.responses:
                    found += self._of(model, row.prompt, response[:TOKENS], device)
        model.train()
        return math.fsum(found) / len(found)

    def _of(
        self,
        model: PreTrainedModel,
        prompt: tuple[int, ...],
        response: tuple[int, ...],
        device: torch.device,
    ) -> list[float]:
        import torch

        ids = torch.tensor([[*prompt, *response]], device=device)
        policy = _predictions(model, ids, len(response))
        with self._at_start():
            start = _predictions(model, ids, len(response))
        values: list[float] = (policy.exp() * (policy - start)).sum(-1).tolist()
        return values

    @contextmanager
    def _at_start(self) -> Iterator[None]:
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        """Exchange the values in place: FSDP does not see a parameter's data replaced."""
        for name, parameter in self._parameters.items():
            held = parameter.detach().clone()
            parameter.copy_(self._start[name])
            self._start[name] = held


def _predictions(model: PreTrainedModel, ids: torch.Tensor, count: int) -> Any:
    """Return the log-probabilities of all tokens at the last `count` positions."""
    logits = model(
        input_ids=ids, attention_mask=ids.new_ones(ids.shape), use_cache=False,
        logits_to_keep=count + 1,
    ).logits  # fmt: skip
    return logits[0, -count - 1 : -1].float().log_softmax(-1)
