"""What an adaptation method is: one file in `methods/` with a `Config`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from pydantic import Field

from synthetic_instruction_tuner.discovery import discover
from synthetic_instruction_tuner.methods.adapters.kinds import Limits, limits_of
from synthetic_instruction_tuner.settings import Settings

if TYPE_CHECKING:
    from peft import PeftConfig
    from transformers import PreTrainedModel

    from synthetic_instruction_tuner.methods.adapters.hooks import Hooks
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

    label: ClassVar[str]
    """How tables name it."""
    what: ClassVar[str]
    """What it does, in a few words."""
    kind: ClassVar[str] = ""
    """PEFT's name of the adapter that is trained, where the method decides it."""
    trains_base: ClassVar[bool] = False
    """Whether the weights of the base themselves are trained; there is no adapter then."""
    neutral: ClassVar[frozenset[str]] = frozenset()
    """Settings that came later: at their defaults they are no part of what an arm is."""

    @property
    def shown(self) -> str:
        """How tables name an arm of it."""
        return self.label

    def __hash__(self) -> int:
        """Hash the settings; some are lists or tables, which Python does not hash."""
        return hash((type(self), self.model_dump_json()))

    def specification(self) -> dict[str, Any]:
        """Return what an arm is, as JSON values: every setting but its name.

        Settings that came after the first studies count if they are not at their defaults, so that
        what those studies trained stays what it is.
        """
        fields = type(self).model_fields
        same = {one for one in self.neutral if getattr(self, one) == fields[one].default}
        return self.model_dump(mode="json", exclude={"name", *same})

    def title(self) -> str:
        """Return what messages call the method, with the kind of adapter where that is chosen."""
        chosen = self.adapter_kind()
        return self.method if chosen == self.kind else f"{self.method} ({chosen})"

    @property
    def customised(self) -> bool:
        """Whether settings choose layers or options of the adapter, which a base may not have."""
        fields = type(self).model_fields
        return any(getattr(self, one) != fields[one].default for one in self.neutral)

    def adapter_kind(self) -> str:
        """Return PEFT's name of the adapter that is trained (`peft.PeftType`)."""
        return self.kind

    def limits(self) -> Limits:
        """Return what the method cannot do; the default is what its kind of adapter cannot."""
        return limits_of(self.adapter_kind())

    def options_for(self, model: PreTrainedModel) -> dict[str, object]:
        """Return the fields of PEFT's configuration that the settings decide.

        Args:
            model: The loaded base model, for shapes that PEFT does not look up itself.
        """
        return {}

    def adapter(self, model: PreTrainedModel, steps: int | None = None) -> PeftConfig:
        """Return the PEFT configuration of a fresh adapter for `model`.

        Args:
            model: The loaded base model.
            steps: Weight updates of the run, where a schedule needs them; None where only shapes
                count.

        Raises:
            ConfigurationError: If PEFT does not know an option, or the model has no such layer.
        """
        from synthetic_instruction_tuner.methods.adapters.building import build

        return build(self.adapter_kind(), self.options_for(model), model, steps)

    def hooks(self, model: PreTrainedModel) -> Hooks | None:
        """Return what has to happen around every weight update, if anything has to.

        Args:
            model: The adapted model; its adapter may be that of an arm it goes on from.
        """
        return None

    def objective(self) -> Objective:
        """Return what the arm minimises; the default is the loss on the responses."""
        from synthetic_instruction_tuner.methods.losses.objective import Supervised

        return Supervised()
