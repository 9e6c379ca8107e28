"""The studies that come with the tool, one YAML file each, and how any study is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from synthetic_instruction_tuner.config import StudyConfig, assignments, yaml_text
from synthetic_instruction_tuner.config.explained import SHOWN, explain, nearest
from synthetic_instruction_tuner.errors import ConfigurationError

FOLDER = Path(__file__).parent


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
    values = read(study)
    for assignment in overrides:
        assignments.assign(values, *assignments.parse(assignment))
    return _validated(study, values)


def parsed(texts: Sequence[str]) -> dict[str, object]:
    """Read "section.field=value" assignments as settings for `change`.

    Raises:
        ConfigurationError: If one is written otherwise.
    """
    return {path: value for path, value, _ in map(assignments.parse, texts)}


def change(study: str | StudyConfig, settings: Mapping[str, object]) -> StudyConfig:
    """Change some settings of a study.

    Args:
        study: A study, or as for `load`.
        settings: New values, nested as in a study file or by path:
            {"seed": 7, "training.arms.sft.rank": 16, "filtering": {"target": 500}}.

    Raises:
        ConfigurationError: If there is no such study, or a field or value is not allowed.
    """
    values = study.model_dump(mode="json") if isinstance(study, StudyConfig) else read(study)
    for path, value in _flat(settings):
        assignments.assign(values, path, value, f"{path}={SHOWN.repr(value)}")
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
        raise ConfigurationError(f"study {name!r}: {explain(error, values)}") from error


def read(study: str) -> dict[str, object]:
    """Read the YAML of a preset or a file, as it is.

    Raises:
        ConfigurationError: If there is no such study, or it is no mapping of sections.
    """
    path = Path(study) if _is_path(study) else FOLDER / f"{study}.yaml"
    if not path.is_file():
        raise ConfigurationError(_no_such(study))
    try:
        values = yaml_text.parse(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise ConfigurationError(f"{path} is not readable YAML: {error}") from error
    if not isinstance(values, dict):
        raise ConfigurationError(
            f"{path} must hold a mapping of sections, got {type(values).__name__}"
        )
    return values


def _is_path(study: str) -> bool:
    return study.endswith((".yaml", ".yml")) or "/" in study


def _no_such(study: str) -> str:
    if _is_path(study):
        if Path(study).exists():
            return f"{study!r} is no file; a study is a .yaml file"
        return f"no such file: {study!r} (`tuner init` writes a study file)"
    near = nearest(study, names())
    meant = f"; did you mean {' or '.join(near)}?" if near else ""
    if Path(f"{study}.yaml").is_file():
        meant = f"; did you mean the file {study}.yaml?"
    return f"unknown study {study!r}{meant}; presets: {', '.join(names())}; or give a .yaml file"
