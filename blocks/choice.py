"""What a form asks for: a preset, what to change in it, and models from blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import WithJsonSchema

from blocks.language_model import LanguageModel
from blocks.reward_model import RewardModel
from synthetic_instruction_tuner.config import StudyConfig, presets

if TYPE_CHECKING:
    PresetName = str
else:
    PresetName = Literal[tuple(presets.names())]
WholeStudy = Annotated[
    StudyConfig, WithJsonSchema({"type": "object", "title": "Every setting of a study"})
]
"""A study as programs hand it on. In a form it is one JSON field: shown field by field it would be
as long as all settings together, and Prefect would build that schema anew in every process."""


def chosen(
    preset: str,
    config: StudyConfig | None = None,
    settings: dict[str, Any] | None = None,
    teacher: LanguageModel | None = None,
    student: LanguageModel | None = None,
    reward_model: RewardModel | None = None,
    **common: Any,
) -> StudyConfig:
    """Put together the study that a form or a program asks for.

    Args:
        preset: Where to start from.
        config: Instead of a preset: a whole study.
        settings: What to change, nested or by path (see `presets.change`).
        teacher: Instead of generation.teacher.
        student: Instead of training.student.
        reward_model: Instead of preference.reward.
        **common: Settings that forms ask for by name ("name", "draws"); an empty one is left.

    Raises:
        ConfigurationError: If a field or value is not allowed; names it.
    """
    paths = {"draws": "generation.draws"}
    changes = {paths.get(key, key): value for key, value in common.items() if value}
    changes |= settings or {}
    if teacher is not None:
        changes["generation.teacher"] = teacher.model.model_dump(mode="json")
    if student is not None:
        changes["training.student"] = student.model.model_dump(mode="json")
    if reward_model is not None:
        changes["preference.reward"] = reward_model.model.model_dump(mode="json")
        changes["preference.reward_format"] = reward_model.format
    if config is not None and not changes:
        return config
    return presets.change(preset if config is None else config, changes)
