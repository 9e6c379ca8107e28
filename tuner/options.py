"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.opening import existing_study, resolved
from synthetic_instruction_tuner.study.workspace import default_root

StudyName = Annotated[
    str, typer.Argument(help="Preset name (see `tuner studies`) or path to a .yaml file.")
]
WorkspaceFolder = Annotated[
    Optional[Path],  # noqa: UP045 (typer reads this at run time on Python 3.10 too)
    typer.Option(
        "--workspace", "-w", help="Folder of the study.", show_default="./workspace/<name>"
    ),
]
Assignments = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option("--set", "-s", metavar="SECTION.FIELD=VALUE", help="Change a setting."),
]
TrustedCode = Annotated[
    Optional[list[str]],  # noqa: UP045
    typer.Option(
        "--trust-remote-code",
        metavar="NAME@REVISION",
        help="Run the code that this model repository ships; a workspace cannot ask for it.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")]


def chosen(study: str, workspace: Path | None, assignments: list[str] | None) -> Study:
    """Load a study's settings and bind them to its workspace, without touching the disk."""
    config = presets.load(study, assignments or [])
    return Study(config, resolved(workspace or default_root(config)))


def existing(workspace: Path | None, trusted: list[str] | None = None) -> Study:
    """Bind to a workspace that holds a study; without a name, to the only one in ./workspace.

    Args:
        workspace: Its folder.
        trusted: Models whose code may run, as "name@revision"; what the workspace says is no leave.

    Raises:
        ConfigurationError: If there is none, or several and none was named.
    """
    return existing_study(workspace or _only_workspace(), trusted or ())


def _only_workspace() -> Path:
    found = sorted(path.parent for path in Path("workspace").glob("*/study.json"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(str(path) for path in found) or "none"
    raise ConfigurationError(f"name the study with --workspace; found below ./workspace: {names}")
