"""`tuner data`: what a file of one's own holds, before any study reads it."""

from __future__ import annotations

import json
from typing import Annotated, Optional

import typer
from pydantic import ValidationError

from synthetic_instruction_tuner import progress
from synthetic_instruction_tuner.config.explained import explain
from synthetic_instruction_tuner.config.sources import ColumnsConfig
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.inspection.rows import RowsFound, look
from synthetic_instruction_tuner.records import Sample
from tuner.display import printable, showing_progress
from tuner.options import AsJson

WIDTH = 300
"""Characters shown of a text."""


def data(
    source: Annotated[
        str, typer.Argument(help="File, folder, or hf:owner/name@revision#split on the Hub.")
    ],
    columns: Annotated[
        Optional[list[str]],  # noqa: UP045 (typer reads this at run time on Python 3.10 too)
        typer.Option(
            "--column",
            "-c",
            metavar="WHAT=FIELD",
            help="Which field is what: instruction, response, input, system, messages or domain.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what rows of your own hold: how many can be used, why others cannot, some samples.

    Example: tuner data faq.csv --column instruction=Frage --column response=Antwort
    """
    named = read_columns(columns or [])
    with showing_progress():
        found = look(source, named, progress.start("reading rows"))
    if as_json:
        typer.echo(json.dumps(_as_json(found)))
        return
    for line in _lines(source, named, found):
        typer.echo(printable(line))


def read_columns(assignments: list[str]) -> ColumnsConfig:
    """Read `--column what=field`.

    Raises:
        ConfigurationError: If one is written otherwise, or there is no such "what".
    """
    wrong = [one for one in assignments if "=" not in one]
    if wrong:
        raise ConfigurationError(f"--column {wrong[0]}: write it as what=field")
    try:
        return ColumnsConfig.model_validate(dict(one.split("=", 1) for one in assignments))
    except ValidationError as error:
        raise ConfigurationError(f"--column {explain(error, root=ColumnsConfig)}") from error


def _lines(source: str, columns: ColumnsConfig, found: RowsFound) -> list[str]:
    lines = [f"{source}: {found.read:,} rows read, {found.usable:,} can be used"]
    lines += [f"  fields: {name} ({count:,} rows)" for name, count in found.shapes.most_common()]
    lines += [f"  refused: {count:,} for {rule}" for rule, count in found.reasons.most_common()]
    for one in found.refused:
        lines.append(
            f"  row {one.row['number']}: {one.rule}: {one.value}; expected {one.threshold}"
        )
    for sample in found.samples:
        lines += ["", f"row {sample.index + 1}, domain {sample.domain}", *_texts(sample)]
    settings = [f"generation.source={source}"]
    settings += [f"generation.columns.{k}={v}" for k, v in columns if v]
    changes = " ".join(f"--set {one}" for one in settings)
    return [*lines, "", f"In a study: tuner run STUDY {changes}"]


def _texts(sample: Sample) -> list[str]:
    told = [("system", sample.system_prompt)] if sample.system_prompt else []
    for asked, said in zip(sample.user_turns, sample.assistant_turns, strict=False):
        told += [("instruction", asked), ("response", said)]
    return [f"  {name}: {_short(text)}" for name, text in told]


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= WIDTH else f"{flat[:WIDTH]} ... ({len(text):,} characters)"


def _as_json(found: RowsFound) -> dict[str, object]:
    return {
        "rows": found.read,
        "usable": found.usable,
        "fields": dict(found.shapes),
        "refused": dict(found.reasons),
        "first_refused": [
            {"row": one.row["number"], "rule": one.rule, "value": one.value}
            for one in found.refused
        ],
        "samples": [
            {"instruction": one.instruction, "response": one.response, "domain": one.domain}
            for one in found.samples
        ],
    }


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(data)
