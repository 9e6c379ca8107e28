"""`tuner`: run a study, see how far it is, check what will fail before it does."""

from __future__ import annotations

import logging
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Any, Protocol

import typer

from synthetic_instruction_tuner import __version__
from synthetic_instruction_tuner.discovery import discover
from synthetic_instruction_tuner.errors import TunerError
from synthetic_instruction_tuner.storage import disk
from tuner import commands
from tuner.display import PrintableRecord, printable
from tuner.exits import INTERRUPTED, TERMINATED, stopped


class Command(Protocol):
    """What a file of `commands/` has."""

    @staticmethod
    def add_to(app: typer.Typer, /) -> None:
        """Add the command to the application."""


app = typer.Typer(
    name="tuner",
    help="An instruct model writes its own training data; adaptation methods are compared on it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in discover(commands, Command).values():
    module.add_to(app)


@app.callback(invoke_without_command=True)
def options(version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    """Set what holds for every command."""
    if version:
        typer.echo(__version__)
        raise typer.Exit()


def prepare_environment(environment: Any = os.environ) -> None:
    """Choose quiet, patient defaults for the libraries; what the user has set stays."""
    for name, value in {
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",  # 20 s fails on slow machines
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "CRITICAL",  # errors reach the user once, through main()
        "OMP_NUM_THREADS": "1",  # threads that outnumber idle cores make small models 30x slower
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "TORCHDYNAMO_DISABLE": "1",  # nothing is compiled; bitsandbytes would load the compiler
        "PYTHONWARNINGS": "ignore",
    }.items():
        environment.setdefault(name, value)


def quiet_libraries() -> None:
    """Drop what libraries tell their own developers; `python -W default -m tuner.main` shows it."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def _terminate(*_: Any) -> None:
    """End in good order, so that nothing stays behind: batch systems and `timeout` send SIGTERM."""
    sys.exit(TERMINATED)


def main() -> None:
    """Run the command line; errors a user can act on become one line and an exit code."""
    prepare_environment()
    quiet_libraries()
    signal.signal(signal.SIGTERM, _terminate)
    logging.setLogRecordFactory(PrintableRecord)
    try:
        app()
    except TunerError as error:
        typer.echo(f"tuner: {printable(str(error))}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:
        told = disk.explain(error, Path("the workspace")) or disk.refused(error)
        typer.echo(f"tuner: {printable(str(told))}", err=True)
        sys.exit(told.exit_code)
    except SystemExit as ended:
        if ended.code in (INTERRUPTED, TERMINATED):  # Typer makes the first of KeyboardInterrupt
            typer.echo(stopped(sys.argv[1:]), err=True)
        raise


if __name__ == "__main__":
    main()
