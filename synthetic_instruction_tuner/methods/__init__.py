"""What an adaptation method is: one file in `methods/` with a `Config`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from pydantic import Field

from synthetic_instruction_tuner.discovery import discover
from synthetic_instruction_tuner.settings import Settings

if TYPE_CHECKING:
    from synthetic_instruction_tuner.methods.losses.objective import Objective


class Method(Protocol):
    """What a file of this package has."""

    Config: type[MethodConfig]


@cache
def all_methods() -> Mapping[str, Method]:
    """Return the adaptation methods by name."""
    return discover(sys.modules[__name__], Method)


class MethodConfig(Settings):
    """Settings every adaptation method has; each method's `Config` adds `method` and its own."""

    method: str = ""
    """Which adaptation method; every other field here belongs to it."""
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)
    """Name of the arm: its folder below models/ and its label in tables."""
    epochs: float = Field(default=3, gt=0, le=1000)
    """Passes over the training split."""
    batch_size: int = Field(default=4, ge=1, le=4096)
    """Effective batch: examples a weight update (micro-batches are chosen to fit the memory)."""
    learning_rate: float = Field(default=2e-4, gt=0, le=10)
    """Peak learning rate of AdamW."""
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = "cosine"
    """Learning-rate schedule after the warm-up."""
    warmup_share: float = Field(default=0.03, ge=0, lt=1)
    """Share of all steps over which the learning rate rises."""
    weight_decay: float = Field(default=0.0, ge=0, le=1)
    """AdamW weight decay."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradient norm is clipped to this."""
    data: Literal["sft", "preference"] = "sft"
    """What it learns from: kept instructions with responses, or preference pairs."""
    start_from: str | None = None
    """Name of an earlier arm whose adapter this one goes on from; None: the base."""

    merges: ClassVar[bool] = True
    """Whether the result can be merged into the weights of the base."""
    quantizations: ClassVar[tuple[str, ...]] = ("none", "nf4", "int8")
    """How the base may be held in memory."""
    goes_on: ClassVar[bool] = True
    """Whether what it ships is enough for a later arm to go on from."""
    recomputes: ClassVar[bool] = True
    """Whether activations may be recomputed to save memory (gradient checkpointing)."""
    trains_base: ClassVar[bool] = False
    """Whether the weights of the base themselves are trained; there is no adapter then."""

    def adapter(self, model: Any) -> Any:
        """Return the PEFT configuration of a fresh adapter for `model`.

        Args:
            model: The loaded base model, for shapes that PEFT does not look up itself.
        """
        raise NotImplementedError(f"{type(self).__module__} describes no adapter")

    def objective(self) -> Objective:
        """Return what the arm minimises; the default is the loss on the responses."""
        from synthetic_instruction_tuner.methods.losses.objective import Supervised

        return Supervised()
