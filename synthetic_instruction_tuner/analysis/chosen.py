"""Every setting that results depend on, beside its default, and why it departs from it."""

from __future__ import annotations

import json
from typing import TypedDict

from synthetic_instruction_tuner.analysis.frames.study import flat
from synthetic_instruction_tuner.config import StudyConfig

OPERATION = {"session", "runner", "reasons"}
"""What is about the run, not about the results."""
GROUPS = ("generation", "filtering", "preference", "training", "evaluation", "costs")
ARMS = "training.arms."


class Setting(TypedDict):
    """One setting.

    Attributes:
        setting: Its path ("training.arms.sft.learning_rate").
        value: Its value.
        default: What it is without a word in the settings; of an arm, the method's own default.
        departs: Whether the two differ.
        reason: Why, as the settings say (`reasons`); "" without a word.
    """

    setting: str
    value: object
    default: object
    departs: bool
    reason: str


def describe_settings(config: StudyConfig) -> list[Setting]:
    """List all settings; those of the teacher's server and of the run itself are left out."""
    values = _flat(config)
    defaults = _flat(StudyConfig())
    for arm in config.training.arms:
        own = type(arm).model_validate({"name": arm.name, "method": arm.method})
        dumped = own.model_dump(mode="json")
        defaults |= dict(flat(dumped, f"{ARMS}{arm.name}"))
    found: list[Setting] = []
    for path, value in values.items():
        default = defaults.get(path)
        departs = json.dumps(value) != json.dumps(default)
        reason = _reason(config.reasons, path) if departs else ""
        found.append(Setting(setting=path, value=value, default=default, departs=departs,
                             reason=reason))  # fmt: skip
    return found


def _flat(config: StudyConfig) -> dict[str, object]:
    values = config.model_dump(mode="json", exclude=OPERATION)
    values["generation"].pop("completions", None)
    values["training"].pop("trackers", None)
    return dict(flat(values, ""))


def _reason(reasons: dict[str, str], path: str) -> str:
    """Find the reason of a setting; `training.arms.*.x` speaks for x of all arms."""
    for name in (path, _any_arm(path)):
        if name in reasons:
            return reasons[name]
    return next((text for name, text in reasons.items() if path.startswith(f"{name}.")), "")


def _any_arm(path: str) -> str:
    if not path.startswith(ARMS):
        return path
    return f"{ARMS}*.{path.removeprefix(ARMS).partition('.')[2]}"
