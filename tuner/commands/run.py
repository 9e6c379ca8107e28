"""`tuner run`: run a study, or go on with it."""

from __future__ import annotations

import json
import time
from enum import Enum
from typing import Annotated

import typer

from synthetic_instruction_tuner.inspection.doctor import require_data, require_models
from synthetic_instruction_tuner.inspection.status import outstanding, read_status
from synthetic_instruction_tuner.storage import disk
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.stages import STAGES, Stage
from synthetic_instruction_tuner.study.workspace import lease, open_study
from tuner import embedded_server, findings, previewed
from tuner.display import console, showing_progress
from tuner.options import AsJson, Assignments, StudyName, WorkspaceFolder, chosen

StageName = Enum("StageName", {one: one for one in STAGES}, type=str)  # type: ignore[misc]


def run(
    study: StudyName = "sandbox",
    workspace: WorkspaceFolder = None,
    until: Annotated[StageName, typer.Option(help="Last stage to run.")] = StageName["report"],
    assignments: Assignments = None,
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be made, what stays, the cost.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a study, or go on with it; whatever is done and whole is not done again.

    Example: tuner run sandbox --set training.arms.sft.rank=16 --dry-run
    """
    started = time.monotonic()
    wanted = chosen(study, workspace, assignments)
    last = STAGES[STAGES.index(until.value)]
    if dry:
        require_data(wanted)
        previewed.show(wanted, last, as_json)
        return
    with disk.named(wanted.root):
        opened = open_study(wanted.config, wanted.root)
        require_data(opened)
        todo = outstanding(opened, last)
        if not todo:
            console.print("Nothing to do: everything is there and whole.")
        else:
            with lease(opened.root), showing_progress():
                console.print(_run_flow(opened, last))
        left = outstanding(opened, last) if todo else []
        _finish(opened, len(todo) - len(left), time.monotonic() - started, as_json)


def _run_flow(opened: Study, until: Stage) -> str:
    """Run the flow and return its last word.

    Prefect is imported only here: a rerun with nothing to do needs no server. The server's process
    starts first; what this one needs is imported, and looked at, meanwhile.
    """
    console.print(f"Study {opened.config.name!r} in {opened.root}")
    with embedded_server.unless_configured() as server:
        require_models(opened, until)
        from flows.study import study as study_flow

        if server is not None:
            server.wait()
        state = study_flow(
            config=opened.config, workspace=str(opened.root), until=until, return_state=True
        )
        state.result()
        return str(state.message)


def _finish(opened: Study, steps: int, seconds: float, as_json: bool) -> None:
    report = opened.root / opened.report.folder / "report.html"
    if as_json:
        status = [one.as_json() for one in read_status(opened)]
        result = {
            "study": opened.config.name,
            "workspace": str(opened.root),
            "steps_done": steps,
            "seconds": round(seconds, 1),
            "headline": findings.headline(opened),
            "report": str(report) if report.exists() else None,
            "stages": status,
        }
        typer.echo(json.dumps(result))
    else:
        console.print(f"Done in {seconds / 60:.1f} minutes ({steps} steps).")
        findings.show(opened)
        if report.exists():
            typer.echo(f"Report: {report}")


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(run)
