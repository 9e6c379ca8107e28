"""`tuner audit-reward`: how well a reward model tells better from worse answers."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated, Optional

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from synthetic_instruction_tuner import progress
from synthetic_instruction_tuner.config import PreferenceConfig
from synthetic_instruction_tuner.config.explained import explain
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.inspection.auditing import (
    Audited,
    audit,
    closed_world,
    read_labelled,
)
from synthetic_instruction_tuner.models.rewards.model import RewardModel
from tuner.display import showing_progress
from tuner.options import AsJson


def audit_reward(
    model: Annotated[
        str, typer.Argument(help="Reward model: id on the Hub, a folder, or sandbox:reward.")
    ],
    rows: Annotated[
        Optional[str],  # noqa: UP045 (typer reads this at run time on Python 3.10 too)
        typer.Option(
            help="Labelled rows: file, folder or hf:allenai/reward-bench-2#test.",
            show_default="the closed world",
        ),
    ] = None,
    reads: Annotated[str, typer.Option("--format", help="As preference.reward_format.")] = "auto",
    dtype: Annotated[
        str, typer.Option(help="Compute type, as preference.reward.dtype.")
    ] = "float32",
    items: Annotated[int, typer.Option(min=1, help="Tasks of the closed world.")] = 500,
    as_json: AsJson = False,
) -> None:
    """Measure a reward model on labelled answers, by category, with intervals and its length bias.

    Example: tuner audit-reward Skywork/Skywork-Reward-V2-Qwen3-0.6B --rows reward-bench-2/
    """
    values = {"reward": {"name": model, "dtype": dtype}, "reward_format": reads}
    try:
        settings = PreferenceConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(explain(error, values, PreferenceConfig)) from error
    labelled = read_labelled(rows) if rows else closed_world(items, seed=42)
    reward = RewardModel.load(settings.reward, settings.reward_format)
    with showing_progress():
        told = progress.start("scoring answers")
        found = audit(labelled, reward, settings.reward_batch_tokens, told)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(one) for one in found]))
        return
    Console().print(_table(found))


def _table(found: list[Audited]) -> Table:
    columns = ("category", "rows", "right", "95 % interval", "chance", "pairs right")
    table = Table(*columns, "chosen longer", "reward ~ length", box=None)
    for one in found:
        interval = f"{one.low:.1%} to {one.high:.1%}"
        shares = (f"{one.chance:.1%}", f"{one.pairs_right:.1%}", _or_dash(one.longer, ".1%"))
        table.add_row(
            one.category,
            str(one.rows),
            f"{one.right:.1%}",
            interval,
            *shares,
            _or_dash(one.length_correlation, ".2f"),
        )
    return table


def _or_dash(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("audit-reward")(audit_reward)
