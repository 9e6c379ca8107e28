"""`tuner export`: an arm for use elsewhere."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, get_args

import typer

from synthetic_instruction_tuner.training.export import Format, export
from tuner.options import TrustedCode, WorkspaceFolder, existing

FormatName = Enum("FormatName", {one: one for one in get_args(Format)}, type=str)  # type: ignore[misc]


def export_arm(
    arm: Annotated[str, typer.Argument(help="Name of a trained arm.")],
    target: Annotated[Path, typer.Argument(help="Folder to write (file for gguf); must be new.")],
    kind: Annotated[
        FormatName,
        typer.Option(
            "--format", help="adapter as it is, merged weights, gguf for llama.cpp, or ollama."
        ),
    ] = FormatName["merged"],
    workspace: WorkspaceFolder = None,
    trusted: TrustedCode = None,
) -> None:
    """Write a trained arm as adapter, merged model, GGUF file, or for Ollama.

    Example: tuner export sft merged-model --format merged
    """
    study = existing(workspace, trusted)
    typer.echo(export(study, study.subject(arm), target, kind.value))


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("export")(export_arm)
