"""What a form asks for: a preset, what to change in it, and models from blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

from blocks.language_model import LanguageModel
from blocks.reward_model import RewardModel
from synthetic_instruction_tuner.config import StudyConfig, presets
from synthetic_instruction_tuner.config.explained import explain
from synthetic_instruction_tuner.errors import ConfigurationError

if TYPE_CHECKING:
    PresetName = str
else:
    PresetName = Literal[tuple(presets.names())]


class _Whole:
    """Validates a study without telling pydantic its fields.

    Prefect builds the schema of a form whenever a flow is imported; with all settings in it that
    took half of what `tuner deploy` computes, and a second at the start of every run.
    """

    def __get_pydantic_core_schema__(
        self, source: type, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        form = {"type": "object", "title": "Every setting of a study"}
        return core_schema.no_info_plain_validator_function(
            _whole, metadata={"pydantic_js_functions": [lambda *_: form]}
        )


def _whole(value: object) -> StudyConfig:
    try:
        return StudyConfig.model_validate(value)
    except ValidationError as error:
        raise ConfigurationError(f"config: {explain(error, value)}") from error


WholeStudy = Annotated[StudyConfig, _Whole()]
"""A study as programs hand it on. In a form it is one JSON field."""


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
