"""The settings of training: each file in `training/methods/` adds its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Union

from pydantic import Field, model_validator

from synthetic_instruction_tuner.config.models import ModelConfig
from synthetic_instruction_tuner.config.tuning import TuningConfig
from synthetic_instruction_tuner.methods import MethodConfig, all_methods
from synthetic_instruction_tuner.settings import Settings

if TYPE_CHECKING:
    ArmConfig = MethodConfig
else:
    ArmConfig = Annotated[
        Union[tuple(module.Config for module in all_methods().values())],  # noqa: UP007
        Field(discriminator="method"),
    ]


class TrainingConfig(Settings):
    """One student, several ways to adapt it."""

    student: ModelConfig = ModelConfig(name="meta-llama/Llama-3.2-3B", quantization="nf4")
    """The base model every arm starts from."""
    arms: tuple[ArmConfig, ...] = Field(default=(), min_length=0)
    """The adaptation methods to compare, in order; an arm may start from an earlier one."""
    max_length: int = Field(default=1024, ge=8)
    """Longest prompt + response in tokens; longer rows are cut and counted."""
    micro_batch_size: int | None = Field(default=None, ge=1)
    """Examples a forward pass; None: as many of the arm's batch as the memory plan allows."""
    gradient_checkpointing: bool | None = None
    """Recompute activations to save memory; None: decided by the memory plan."""
    checkpoint_steps: int = Field(default=50, ge=1)
    """Optimizer steps between checkpoints."""
    checkpoint_minutes: float = Field(default=5, gt=0)
    """Minutes between checkpoints at most: what a killed session repeats at most."""
    threads: int | None = Field(default=None, ge=1)
    """CPU threads of a training process; None: what OMP_NUM_THREADS says, else all cores."""
    processes: int = Field(default=1, ge=1, le=64)
    """Processes that share an arm's batches, one a GPU; the rows of an update stay the same."""
    strategy: Literal["ddp", "fsdp"] = "ddp"
    """With several processes: a whole model in each, or (fsdp) the weights spread over all."""
    trackers: tuple[Literal["tensorboard", "wandb", "trackio", "mlflow"], ...] = ()
    """Experiment trackers that hear losses and evaluations of every arm; the report needs none."""
    tuning: TuningConfig | None = None
    """Train every arm with other settings, too, and compare the best as an arm of its own."""

    @model_validator(mode="after")
    def _arms(self) -> TrainingConfig:
        names = [arm.name for arm in self.arms]
        if len(set(names)) < len(names) or "base" in names:
            raise ValueError(f"arms need distinct names other than 'base', got {names}")
        for position, arm in enumerate(self.arms):
            start = getattr(arm, "start_from", None)
            if start is not None and start not in names[:position]:
                raise ValueError(
                    f"arm {arm.name!r} has start_from={start!r}; allowed: {names[:position]}"
                )
        if self.tuning is not None:
            self.tuning.check(self.arms)
        return self

    def adapter_of(self, arm: ArmConfig) -> ArmConfig:
        """Return the arm whose kind of adapter `arm` trains: its own, or that it goes on with."""
        start = {one.name: one for one in self.arms}.get(arm.start_from or "")
        if start is None or start.trains_base or arm.trains_base:
            return arm
        return self.adapter_of(start)
