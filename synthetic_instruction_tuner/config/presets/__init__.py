"""The studies that come with the tool, one YAML file each, and how any study is loaded."""

from __future__ import annotations

import copy
import reprlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from synthetic_instruction_tuner.config import StudyConfig
from synthetic_instruction_tuner.errors import ConfigurationError

FOLDER = Path(__file__).parent
HIDDEN = ("completions.url", "completions.api_key_variable")
"""Fields into which a secret is put by mistake: an error does not repeat what they hold."""
_SHOWN = reprlib.Repr()
"""Shows values in errors: a few lines of YAML can stand for more text than fits the memory."""
_SHOWN.maxlevel, _SHOWN.maxstring, _SHOWN.maxother = 2, 400, 400


def names() -> list[str]:
    """List the presets."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def load(study: str, overrides: Sequence[str] = ()) -> StudyConfig:
    """Load a study by preset name or from a YAML file.

    Args:
        study: Preset name, or a path that ends in .yaml or .yml.
        overrides: "section.field=value" assignments; the value is read as YAML.

    Raises:
        ConfigurationError: If there is no such study, or a field or value is not allowed.
    """
    values = _read(study)
    for assignment in overrides:
        _assign(values, *_parsed(assignment))
    return _validated(study, values)


def parsed(assignments: Sequence[str]) -> dict[str, object]:
    """Read "section.field=value" assignments as settings for `change`.

    Raises:
        ConfigurationError: If one is written otherwise.
    """
    return {path: value for path, value, _ in map(_parsed, assignments)}


def change(study: str | StudyConfig, settings: Mapping[str, object]) -> StudyConfig:
    """Change some settings of a study.

    Args:
        study: A study, or as for `load`.
        settings: New values, nested as in a study file or by path:
            {"seed": 7, "training.arms.sft.rank": 16, "filtering": {"target": 500}}.

    Raises:
        ConfigurationError: If there is no such study, or a field or value is not allowed.
    """
    values = study.model_dump(mode="json") if isinstance(study, StudyConfig) else _read(study)
    for path, value in _flat(settings):
        _assign(values, path, value, f"{path}={_SHOWN.repr(value)}")
    return _validated(study.name if isinstance(study, StudyConfig) else study, values)


def _flat(settings: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _validated(name: str, values: dict[str, object]) -> StudyConfig:
    try:
        return StudyConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(f"study {name!r}: {explain(error)}") from error


def explain(error: ValidationError) -> str:
    """Say in one line a problem: the field, the value, and what is allowed."""
    problems = []
    for one in error.errors():
        field = ".".join(str(part) for part in one["loc"]) or "study"
        hidden = isinstance(one["input"], Mapping) or field.endswith(HIDDEN)
        value = "" if hidden else f" (got {_SHOWN.repr(one['input'])})"
        message = one["msg"].removeprefix("Value error, ")
        if one["type"] == "extra_forbidden":
            message, value = "no such field" + _allowed(one["loc"]), ""
        problems.append(f"{field}: {message}{value}")
    return "; ".join(problems)


def _allowed(location: tuple[int | str, ...]) -> str:
    """Name the fields that exist where an unknown one was given."""
    model: Any = StudyConfig
    for part in location[:-1]:
        fields = getattr(model, "model_fields", {})
        if part not in fields:
            return ""
        model = fields[part].annotation
    fields = getattr(model, "model_fields", None)
    return f"; allowed here: {', '.join(fields)}" if fields else ""


def _read(study: str) -> dict[str, Any]:
    path = Path(study) if study.endswith((".yaml", ".yml")) else FOLDER / f"{study}.yaml"
    if not path.is_file():
        raise ConfigurationError(
            f"unknown study {study!r}; presets: {', '.join(names())}; or give a .yaml file"
        )
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not readable YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigurationError(
            f"{path} must hold a mapping of sections, got {type(values).__name__}"
        )
    return values


def _parsed(assignment: str) -> tuple[str, object, str]:
    """Read one "section.field=value" as path, value, and how an error names it."""
    key, separator, text = assignment.partition("=")
    if not separator or not key.strip():
        raise ConfigurationError(f"--set {assignment!r}: write it as section.field=value")
    try:
        return key.strip(), yaml.safe_load(text), f"--set {assignment!r}"
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"--set {assignment!r}: {text!r} is not YAML: {error}") from error


def _assign(values: dict[str, Any], path: str, value: object, assignment: str) -> None:
    """Put a value at a path; `assignment` is how an error names the attempt."""
    target: Any = values
    *parents, last = path.split(".")
    for part in parents:
        target = _step(target, part, assignment)
    if isinstance(target, list):
        target[_position(target, last, assignment)] = value
    else:
        target[last] = value


def _step(target: Any, part: str, assignment: str) -> Any:
    """Go into a section, as a copy: others that share it through a YAML alias stay as they are."""
    place: Any = _position(target, part, assignment) if isinstance(target, list) else part
    child = target[place] if isinstance(target, list) else target.get(place, {})
    if not isinstance(child, (dict, list)):
        raise ConfigurationError(f"{assignment}: {part!r} is a value, not a section")
    target[place] = copy.copy(child)
    return target[place]


def _position(target: list[Any], part: str, assignment: str) -> int:
    """Find a list entry by its name or its number."""
    for position, entry in enumerate(target):
        if isinstance(entry, dict) and entry.get("name") == part:
            return position
    if part.isdigit() and int(part) < len(target):
        return int(part)
    known = [one.get("name") for one in target if isinstance(one, dict)]
    raise ConfigurationError(f"{assignment}: no entry {part!r}; allowed: {known} or a number")
