"""`tuner sandbox`: the embedded model family."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

family = typer.Typer(name="sandbox", help="The embedded model family.", no_args_is_help=True)


@family.command()
def build(
    output: Annotated[Path, typer.Argument(help="Folder to write the models to.")],
    scale: Annotated[
        float, typer.Option(min=0.0001, help="Share of the full training; small ones for a try.")
    ] = 1.0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Train the embedded models from nothing and measure them; finished ones are kept.

    Example: tuner sandbox build models --scale 0.01
    """
    from synthetic_instruction_tuner.sandbox.workshop.build import build as build_family

    build_family(output, scale, device)


@family.command()
def card(
    role: Annotated[str, typer.Argument(help="teacher, responder, student or reward.")],
) -> None:
    """Print the model card of an embedded model.

    Example: tuner sandbox card teacher
    """
    from synthetic_instruction_tuner.config import ModelConfig
    from synthetic_instruction_tuner.models.reference import SANDBOX, local_folder

    folder = local_folder(ModelConfig(name=SANDBOX + role))
    assert folder is not None  # sandbox names are always folders
    typer.echo((folder / "README.md").read_text(encoding="utf-8"))


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(family)
