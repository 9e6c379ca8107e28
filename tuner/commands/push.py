"""`tuner push`: a data set of a study on the Hugging Face Hub."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from synthetic_instruction_tuner import formats
from synthetic_instruction_tuner.artifacts import Artifact
from synthetic_instruction_tuner.study import Study
from tuner.options import WorkspaceFolder, existing


class DataSet(str, Enum):
    """What can be published."""

    filtered = "filtered"
    preference = "preference"
    raw = "raw"


def push(
    data_set: Annotated[DataSet, typer.Argument(help="Which data set of the study.")],
    repository: Annotated[str, typer.Argument(help="Where to: owner/name.")],
    workspace: WorkspaceFolder = None,
    public: Annotated[bool, typer.Option("--public", help="For all to see.")] = False,
) -> None:
    """Publish a data set with its card; private unless --public; needs a Hugging Face token."""
    study = existing(workspace)
    folder = study.store.require(_artifact(study, data_set)).folder
    typer.echo(formats.push_to_hub(folder, repository, private=not public))


def _artifact(study: Study, data_set: DataSet) -> Artifact:
    if data_set is DataSet.preference:
        return study.pairs
    return study.filtered if data_set is DataSet.filtered else study.raw(study.filtered)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(push)
