"""Rows of strangers: a data set reads nothing but its own folder, and a pipe is not waited for."""

import json
import os

import pytest

from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.errors import ConfigurationError
from synthetic_instruction_tuner.generation.importing import import_rows
from synthetic_instruction_tuner.generation.sources import read_rows
from synthetic_instruction_tuner.progress import Silent
from synthetic_instruction_tuner.storage.journal import Journal
from synthetic_instruction_tuner.study.graph import Study

ROW = {"instruction": "What is the capital of Peru?", "output": "Lima."}


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.jsonl"
    path.write_text(json.dumps({"instruction": "my password", "output": "hunter2"}))
    return path


@pytest.mark.parametrize("where", ["rows.jsonl", "deep/rows.parquet", "deep/notes"])
def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path, secret, where):
    folder = tmp_path / "data"
    (folder / "deep").mkdir(parents=True)
    (folder / "own.jsonl").write_text(json.dumps(ROW))
    (folder / where).symlink_to(secret)
    study = Study(presets.load("sandbox-smoke", [f"generation.source={folder}"]), tmp_path / "ws")
    with pytest.raises(ConfigurationError, match=f"{where} is a link to .*secret"):
        import_rows(study, Silent())


def test_a_link_within_the_folder_is_followed(tmp_path):
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW))
    (tmp_path / "again.jsonl").symlink_to("rows.jsonl")
    assert list(read_rows(tmp_path)) == [ROW, ROW]


@pytest.mark.parametrize("kind", ["itself", "within"])
def test_a_pipe_among_rows_is_named(tmp_path, kind):
    os.mkfifo(tmp_path / "rows.jsonl")
    source = tmp_path if kind == "within" else tmp_path / "rows.jsonl"
    with pytest.raises(ConfigurationError, match="a named pipe"):
        next(read_rows(source))
    if kind == "itself":
        config = presets.load("sandbox-smoke", [f"generation.source={source}"])
        with pytest.raises(ConfigurationError, match="a named pipe"):
            _ = Study(config, tmp_path / "ws").draws


@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("outside", ["../theirs/data-00000-of-00001.arrow", "/absolute", "a/b"])
def test_a_saved_dataset_names_files_of_its_own_only(tmp_path, split, outside):
    datasets = pytest.importorskip("datasets")
    held = datasets.Dataset.from_list([ROW])
    held.save_to_disk(str(tmp_path / "theirs"))
    folder = tmp_path / "data"
    (datasets.DatasetDict({"train": held}) if split else held).save_to_disk(str(folder))
    assert list(read_rows(folder)) == [ROW]
    state = folder / "train" / "state.json" if split else folder / "state.json"
    told = json.loads(state.read_text())
    told["_data_files"][0]["filename"] = outside
    state.write_text(json.dumps(told))
    with pytest.raises(ConfigurationError, match="allowed: what lies beside it"):
        list(read_rows(folder))


@pytest.mark.parametrize("state", ["[]", "{}", '{"_data_files": 7}', '{"_data_files": [1]}', "{"])
def test_a_saved_dataset_of_nonsense_is_named(tmp_path, state):
    (tmp_path / "state.json").write_text(state)
    with pytest.raises(ConfigurationError, match="does not name the files"):
        list(read_rows(tmp_path))


@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe", "folder"])
def test_a_journal_that_is_no_file_cuts_and_writes_nothing_elsewhere(tmp_path, secret, kind):
    path, before = tmp_path / "journal.jsonl", secret.read_bytes()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(secret if kind == "link" else tmp_path / "new")
    with pytest.raises(ConfigurationError, match=r"journal\.jsonl is .*, not a plain file"):
        Journal(path)
    assert secret.read_bytes() == before
    assert not (tmp_path / "new").exists()


def test_a_journal_that_became_a_link_is_not_written_through(tmp_path, secret):
    path, before = tmp_path / "journal.jsonl", secret.read_bytes()
    journal = Journal(path)
    path.symlink_to(secret)
    with pytest.raises(ConfigurationError, match="is a link to"):
        journal.append({"a": 1})
    assert secret.read_bytes() == before
