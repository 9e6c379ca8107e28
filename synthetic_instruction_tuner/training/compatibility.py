"""Which method goes with which base and which starting arm: known before anything is loaded."""

from __future__ import annotations

from synthetic_instruction_tuner.config import TrainingConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.methods import MethodConfig


def check_arms(training: TrainingConfig) -> None:
    """Refuse any arm of a study that cannot work with its base, its start, or this machine.

    Raises:
        ConfigurationError: Names the first such arm, what does not go together, and what does.
    """
    from synthetic_instruction_tuner.models.loading import resolve_device
    from synthetic_instruction_tuner.training.build import precision

    arms = {arm.name: arm for arm in training.arms}
    for arm in training.arms:
        check(arm, training, arms[arm.start_from] if arm.start_from else None)
    if arms:
        precision(training.student, resolve_device())


def check(arm: MethodConfig, training: TrainingConfig, start: MethodConfig | None) -> None:
    """Refuse combinations that cannot work, before anything is loaded.

    Args:
        arm: The arm to train.
        training: Settings all arms share: the student and how it is trained.
        start: Settings of the arm it goes on from, if any.

    Raises:
        ConfigurationError: Names the arm, what does not go together, and what does.
    """
    method, student = getattr(arm, "method", ""), training.student
    if student.quantization not in arm.quantizations:
        raise ConfigurationError(
            f"arm {arm.name!r}: training.student.quantization={student.quantization!r} does not go "
            f"with method {method!r}; allowed: {', '.join(arm.quantizations)}"
        )
    if training.gradient_checkpointing and not arm.recomputes:
        raise ConfigurationError(
            f"arm {arm.name!r}: method {method!r} needs training.gradient_checkpointing=false"
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
    if start is not None and not start.goes_on:
        raise ConfigurationError(
            f"arm {arm.name!r}: start_from={start.name!r} is of method "
            f"{getattr(start, 'method', '')!r}, whose file is not enough to go on training from; "
            "start from a LoRA-like, prompt_tuning or full arm, or leave start_from out"
        )


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
