"""Models chosen from blocks instead of those in the settings."""

from __future__ import annotations

from blocks.language_model import LanguageModel
from blocks.reward_model import RewardModel
from synthetic_instruction_tuner.config import StudyConfig


def with_models(
    config: StudyConfig,
    teacher: LanguageModel | None,
    student: LanguageModel | None,
    reward_model: RewardModel | None,
) -> StudyConfig:
    """Put the chosen models into the settings of a study; None leaves what is there."""
    if teacher is None and student is None and reward_model is None:
        return config
    values = config.model_dump()
    if teacher is not None:
        values["generation"]["teacher"] = teacher.model.model_dump()
    if student is not None:
        values["training"]["student"] = student.model.model_dump()
    if reward_model is not None:
        values["preference"]["reward"] = reward_model.model.model_dump()
        values["preference"]["reward_format"] = reward_model.format
    return StudyConfig.model_validate(values)
