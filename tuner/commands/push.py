"""`tuner push`: a data set or an arm of a study on the Hugging Face Hub."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from synthetic_instruction_tuner.errors import ConfigurationError, StageError
from synthetic_instruction_tuner.storage import formats
from synthetic_instruction_tuner.storage.artifacts import Artifact
from synthetic_instruction_tuner.storage.manifests import copy_listed
from synthetic_instruction_tuner.study.graph import Study
from synthetic_instruction_tuner.study.subject import Subject
from tuner.options import TrustedCode, WorkspaceFolder, existing


class DataSet(str, Enum):
    """What can be published of the data."""

    filtered = "filtered"
    preference = "preference"
    raw = "raw"


class ModelFormat(str, Enum):
    """How an arm is published."""

    adapter = "adapter"
    merged = "merged"


def push(
    what: Annotated[
        str, typer.Argument(help="A data set (filtered, preference, raw), or an arm by its name.")
    ],
    repository: Annotated[str, typer.Argument(help="Where to: owner/name.")],
    workspace: WorkspaceFolder = None,
    public: Annotated[bool, typer.Option("--public", help="For all to see.")] = False,
    kind: Annotated[
        ModelFormat, typer.Option("--format", help="Of an arm: adapter, or merged weights.")
    ] = ModelFormat.adapter,
    trusted: TrustedCode = None,
) -> None:
    """Publish a data set or an arm with its card; private unless --public; needs a Hub token.

    Example: tuner push sft me/my-adapter
    """
    study = existing(workspace, trusted)
    with TemporaryDirectory() as place:  # whatever else lies in the workspace stays there
        if what in DataSet.__members__:
            _refuse_provisional(study, DataSet(what))
            manifest = study.store.require(_artifact(study, DataSet(what)))
            folder = Path(place) / manifest.folder.name
            copy_listed(manifest, manifest.files, folder)
            typer.echo(formats.push_to_hub(folder, repository, private=not public))
            return
        from synthetic_instruction_tuner.training.export import export

        subject = _arm(study, what)
        formats.require_hub(repository)  # before weights are merged
        folder = export(study, subject, Path(place) / subject.name, kind.value)
        told = formats.push_to_hub(folder, repository, private=not public, kind="model")
        typer.echo(told)


def _arm(study: Study, name: str) -> Subject:
    """Find a trained model by its name.

    Raises:
        ConfigurationError: If there is none; names what can be published.
    """
    arms = {one.name: one for one in study.subjects if one.arm}
    if name not in arms:
        allowed = ", ".join([*DataSet.__members__, *arms])
        raise ConfigurationError(f"cannot publish {name!r}; this study has: {allowed}")
    return arms[name]


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
