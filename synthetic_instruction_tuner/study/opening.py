"""Opening a workspace in which a study lies already, for whoever reads it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pydantic import ValidationError

from synthetic_instruction_tuner.config.explained import explain
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.workspace import read_config, require_drive


def resolved(root: Path) -> Path:
    """Return the full path of a workspace.

    Raises:
        ConfigurationError: If it is a link to itself, or in the home of nobody.
        WorkspaceError: If it is on a Drive that is not mounted.
    """
    try:
        found = root.expanduser().resolve()
    except (OSError, RuntimeError) as error:
        raise ConfigurationError(f"workspace {root} cannot be found: {error}") from error
    require_drive(found)
    return found


def existing_study(root: Path, trusted: Collection[str] = ()) -> Study:
    """Bind to a workspace that holds a study.

    Args:
        root: The workspace.
        trusted: Models whose code may run, as "name@revision"; what the workspace says is no leave.

    Raises:
        ConfigurationError: If it holds none, or one whose settings are not of this version.
        WorkspaceError: If the study file cannot be read, or Drive is not mounted.
    """
    root = resolved(root)
    try:
        config = read_config(root, trusted)
    except ValueError as error:
        detail = explain(error) if isinstance(error, ValidationError) else str(error)
        raise ConfigurationError(
            f"the settings in {root}/study.json are not of this version: {detail}"
        ) from error
    if config is None:
        raise ConfigurationError(f"workspace {root} holds no study; `tuner run` makes one")
    return Study(config, root)
