"""`tuner push`: a data set of a study on the Hugging Face Hub."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from synthetic_instruction_tuner.errors import StageError
from synthetic_instruction_tuner.storage import formats
from synthetic_instruction_tuner.storage.artifacts import Artifact
from synthetic_instruction_tuner.storage.manifests import copy_listed
from synthetic_instruction_tuner.study.graph import Study
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
    """Publish a data set with its card; private unless --public; needs a Hugging Face token.

    Example: tuner push filtered me/my-instructions
    """
    study = existing(workspace)
    _refuse_provisional(study, data_set)
    manifest = study.store.require(_artifact(study, data_set))
    with TemporaryDirectory() as place:  # whatever else lies in the workspace stays there
        folder = Path(place) / manifest.folder.name
        copy_listed(manifest, manifest.files, folder)
        typer.echo(formats.push_to_hub(folder, repository, private=not public))


def _refuse_provisional(study: Study, data_set: DataSet) -> None:
    """Say why rows that lie there are not published."""
    if data_set is DataSet.preference or study.filtered.identity == study.provisional.identity:
        return
    if study.store.find(study.filtered) is None and study.store.find(study.provisional):
        raise StageError(
            f"the {data_set.value} rows are provisional: they were not compared with the benchmark "
            "items, so they are not published; run the study again with the items (online, or "
            "evaluation.data_dir)"
        )


def _artifact(study: Study, data_set: DataSet) -> Artifact:
    if data_set is DataSet.preference:
        return study.pairs
    return study.filtered if data_set is DataSet.filtered else study.raw(study.filtered)


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(push)
