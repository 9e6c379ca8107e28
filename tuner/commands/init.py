"""`tuner init`: a study file of one's own to start from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Optional

import typer
from pydantic import ValidationError

from synthetic_instruction_tuner.config.explained import explain, nearest
from synthetic_instruction_tuner.config.starting import Chosen, study_text
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.inspection.rows import require_rows
from synthetic_instruction_tuner.methods import all_methods
from synthetic_instruction_tuner.progress import Silent
from tuner.commands.data import read_columns
from tuner.commands.settings import schema_text

EMBEDDED = "the embedded one"
SCHEMA = "study.schema.json"
Names = Optional[list[str]]  # noqa: UP045 (typer reads this at run time on Python 3.10 too)
Text = Optional[str]  # noqa: UP045


def init(
    file: Annotated[Path, typer.Argument(help="Study file to write.")] = Path("study.yaml"),
    data: Annotated[
        Text, typer.Option(help="Rows of your own instead of drawn ones (see `tuner data`).")
    ] = None,
    columns: Annotated[
        Names,
        typer.Option("--column", "-c", metavar="WHAT=FIELD", help="Which field of them is what."),
    ] = None,
    chosen_methods: Annotated[
        Names,
        typer.Option("--method", "-m", help="An arm.", show_default="lora and prompt_tuning"),
    ] = None,
    benchmarks: Annotated[
        Names, typer.Option("--benchmark", "-b", help="What is measured.", show_default="arc_easy")
    ] = None,
    student: Annotated[
        Text, typer.Option(help="Base model.", show_default="the embedded one")
    ] = None,
    teacher: Annotated[
        Text, typer.Option(help="Who draws.", show_default="the embedded one")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over an existing file.")] = False,
) -> None:
    """Write a study file with a comment on each setting, ready to run; and its schema for editors.

    Example: tuner init mine.yaml --data faq.csv --method lora --method dora
    """
    if file.suffix not in (".yaml", ".yml"):
        raise ConfigurationError(f"{file}: a study file ends in .yaml")
    if file.exists() and not force:
        raise ConfigurationError(f"{file} is there already; --force writes over it")
    chosen = Chosen(
        name=re.sub(r"[^a-z0-9_-]+", "-", file.stem.lower()).strip("-_0123456789") or "study",
        methods=_known(chosen_methods or ["lora", "prompt_tuning"]),
        benchmarks=benchmarks or ["arc_easy"],
        data=data,
        columns=_columns(data, columns or []),
        student=student,
        teacher=teacher,
    )
    try:
        text = study_text(chosen, str(file), SCHEMA)
    except ValidationError as error:
        raise ConfigurationError(explain(error)) from error
    try:
        file.write_text(text, encoding="utf-8")
        (file.parent / SCHEMA).write_text(schema_text(), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from error
    typer.echo(f"Wrote {file} (and {SCHEMA} for editors). Next: tuner run {file} --dry-run")


def _known(wanted: list[str]) -> list[str]:
    known = list(all_methods())
    for one in wanted:
        if one not in known:
            near = nearest(one, known)
            meant = f"; did you mean {' or '.join(near)}?" if near else ""
            raise ConfigurationError(f"--method {one}: no such method{meant}; allowed: {known}")
    return wanted


def _columns(data: str | None, named: list[str]) -> dict[str, str]:
    """Read `--column`, and look into the rows: what is wrong with them is said at once."""
    columns = read_columns(named)
    if data is not None:
        require_rows(data, columns, Silent())
    return columns.model_dump(exclude_none=True)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(init)
