"""`tuner chat`: talk to any model of a study, or to two side by side."""

from __future__ import annotations

from typing import Annotated, Optional

import typer
from rich.console import Console

from synthetic_instruction_tuner.training.chat import answer
from tuner.display import printable
from tuner.options import TrustedCode, WorkspaceFolder, existing


def chat(
    models: Annotated[list[str], typer.Argument(help='Arms to ask, or "base".')],
    workspace: WorkspaceFolder = None,
    prompt: Annotated[
        Optional[str],  # noqa: UP045 (typer reads this at run time on Python 3.10 too)
        typer.Option("--prompt", "-p", help="Ask this once instead of opening a conversation."),
    ] = None,
    temperature: Annotated[float, typer.Option(min=0, help="0: the likeliest answer.")] = 0.0,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest answer in tokens.")] = 256,
    trusted: TrustedCode = None,
) -> None:
    """Talk to one or more models of a study; an empty line ends the conversation.

    Example: tuner chat base sft --prompt "What is the capital of France?"
    """
    study = existing(workspace, trusted)
    subjects = [study.subject(name) for name in models]
    console = Console(highlight=False, soft_wrap=True)  # breaks lines where the model did
    turns: dict[str, list[dict[str, str]]] = {one.name: [] for one in subjects}
    while question := prompt or _ask():
        for one in subjects:
            history = turns[one.name]
            history.append({"role": "user", "content": question})
            text = answer(study, one, history, max_new_tokens, temperature)
            history.append({"role": "assistant", "content": text})
            console.print(f"[bold]{one.name}[/]", end=": ")
            console.print(printable(text), markup=False)
        if prompt:
            return


def _ask() -> str:
    try:
        return input("you: ").strip()
    except EOFError:
        return ""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(chat)
