"""Which method goes with which base and which starting arm: known before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterator

from synthetic_instruction_tuner.config import TrainingConfig
from synthetic_instruction_tuner.errors import ConfigurationError, MissingModelError
from synthetic_instruction_tuner.methods import MethodConfig
from synthetic_instruction_tuner.training import trackers

EXPERTS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
"""What configurations call the number of experts."""


def check_arms(training: TrainingConfig) -> None:
    """Refuse any arm of a study that cannot work with its base, its start, or this machine.

    Raises:
        ConfigurationError: Names the first such arm, what does not go together, and what does.
    """
    from synthetic_instruction_tuner.models.loading import resolve_device
    from synthetic_instruction_tuner.training.build import precision

    trackers.require(training.trackers)
    arms = {arm.name: arm for arm in training.arms}
    for arm in _with_variants(training):
        check(arm, training, arms[arm.start_from] if arm.start_from else None)
    if arms:
        precision(training.student, resolve_device())
        _check_adapters(training)


def _with_variants(training: TrainingConfig) -> Iterator[MethodConfig]:
    """Yield every arm, and it with each of the settings that tuning may try."""
    for arm in training.arms:
        yield arm
        if training.tuning is not None:
            yield from training.tuning.variants(arm)


def check(arm: MethodConfig, training: TrainingConfig, start: MethodConfig | None) -> None:
    """Refuse combinations that cannot work, before anything is loaded.

    Args:
        arm: The arm to train.
        training: Settings all arms share: the student and how it is trained.
        start: Settings of the arm it goes on from, if any.

    Raises:
        ConfigurationError: Names the arm, what does not go together, and what does.
    """
    method, student = arm.title(), training.student
    limits = arm.limits()
    if limits.refused:
        raise ConfigurationError(
            f"arm {arm.name!r}: method {method!r} cannot be trained here: {limits.refused}"
        )
    if student.quantization not in limits.quantizations:
        raise ConfigurationError(
            f"arm {arm.name!r}: training.student.quantization={student.quantization!r} does not go "
            f"with method {method!r}; allowed: {', '.join(limits.quantizations)}"
        )
    if training.gradient_checkpointing and not limits.recomputes:
        raise ConfigurationError(
            f"arm {arm.name!r}: method {method!r} needs training.gradient_checkpointing=false"
        )
    if arm.trains_base and student.trust_remote_code:
        raise ConfigurationError(
            f"arm {arm.name!r}: method {method!r} ships a whole model, whose code would be read "
            "from the workspace, which never runs; with trust_remote_code train an adapter"
        )
    _check_processes(arm, training)
    if (
        start is not None
        and start.trains_base
        and not arm.trains_base
        and student.quantization != "none"
    ):
        raise ConfigurationError(
            f"arm {arm.name!r}: start_from={start.name!r} trained the base itself and is loaded "
            "unquantised; needs training.student.quantization='none'"
        )
    if start is not None and not start.limits().goes_on:
        raise ConfigurationError(
            f"arm {arm.name!r}: start_from={start.name!r} is of method "
            f"{start.title()!r}, whose file is not enough to go on training from; "
            "start from a LoRA-like, prompt_tuning or full arm, or leave start_from out"
        )


def _check_adapters(training: TrainingConfig) -> None:
    """Put adapters on the base without weights, where it may refuse them.

    That is where settings choose kind, layers or options, and on a mixture of experts: those are
    parameters of one block, not layers, and adapters on parameters know neither dropout nor DoRA. A
    model that cannot be looked up is told elsewhere.
    """
    import torch

    from synthetic_instruction_tuner.models.memory import footprint, shapes
    from synthetic_instruction_tuner.models.memory.adapted import adapt

    student = training.student
    try:
        shape = shapes.shape_of(student).get_text_config()
    except MissingModelError:
        return
    experts = any(getattr(shape, name, None) for name in EXPERTS)
    for arm in _with_variants(training):
        if student.trust_remote_code or not (experts or arm.customised):
            continue
        base = footprint.meta_model(student, torch.float32)
        try:
            adapt(arm, base)
        except ConfigurationError as error:
            raise ConfigurationError(f"arm {arm.name!r}: {error}") from error
        except (ValueError, TypeError, RuntimeError) as error:
            dropout = getattr(arm, "dropout", 0.0) if experts else 0.0
            advice = "set its dropout to 0" if dropout else "use another method or other options"
            raise ConfigurationError(
                f"arm {arm.name!r}: method {arm.title()!r} does not go with the "
                f"{'experts' if experts else 'layers'} of {student.name!r}: {error} "
                f"{advice.capitalize()}"
            ) from error


def _check_processes(arm: MethodConfig, training: TrainingConfig) -> None:
    if training.processes > arm.batch_size:
        raise ConfigurationError(
            f"arm {arm.name!r}: training.processes={training.processes} share a batch of "
            f"batch_size={arm.batch_size} rows; use at most as many processes"
        )
    if training.processes == 1 or training.strategy == "ddp":
        return
    student = training.student
    if student.quantization != "none" or student.dtype == "float16":
        raise ConfigurationError(
            f"arm {arm.name!r}: training.strategy='fsdp' spreads unquantised weights in float32 or "
            f"bfloat16, not quantization={student.quantization!r} with dtype={student.dtype!r}; "
            "use strategy='ddp'"
        )
