"""Which method goes with which base and which starting arm: known before anything is loaded."""

from __future__ import annotations

from synthetic_instruction_tuner.config import ModelConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.training.method import MethodConfig


def check(arm: MethodConfig, student: ModelConfig, start: MethodConfig | None) -> None:
    """Refuse combinations that cannot work, before anything is loaded.

    Args:
        arm: The arm to train.
        student: The base model.
        start: Settings of the arm it goes on from, if any.

    Raises:
        ConfigurationError: Names the arm, what does not go together, and what does.
    """
    method = getattr(arm, "method", "")
    if not arm.quantized_base and student.quantization != "none":
        raise ConfigurationError(
            f"arm {arm.name!r}: method {method!r} needs training.student.quantization='none', "
            f"got {student.quantization!r}"
        )
    if start is not None and not start.goes_on:
        raise ConfigurationError(
            f"arm {arm.name!r}: start_from={start.name!r} is of method "
            f"{getattr(start, 'method', '')!r}, whose file is not enough to go on training from; "
            "start from a LoRA-like, prompt_tuning or full arm, or leave start_from out"
        )
