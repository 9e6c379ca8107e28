"""Tasks: cache key = artifact identity, hits verified against files, no pickle, retries."""

import json
import pickle
from pathlib import Path

import pytest
from prefect import flow, task_engine

from blocks.results import FOLDER, JsonResults, WorkspaceResults
from synthetic_instruction_tuner.config import StudyConfig, presets
from synthetic_instruction_tuner.errors import StageError
from tasks.step import call, opened, step, summary, working

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]
CONFIG = presets.load("sandbox-smoke")
runs = []


@step
def make(config: StudyConfig, workspace: str, identity: str, text: str):
    runs.append(text)
    if text == "passing" and runs.count(text) == 1:
        raise OSError("the drive hiccuped")
    if text == "wrong":
        raise StageError("too few rows")
    study = opened(config, workspace)
    with study.store.writing(study.items) as folder:
        (folder / "rows.jsonl").write_text(text)
    return summary(study.store.commit(study.items, {}, 0.0))


@flow
def one_step(config: StudyConfig, workspace: str, text: str):
    with working(config, workspace) as study:
        return call(make.with_options(retry_delay_seconds=0), study, study.items, text)


@pytest.fixture
def run(tmp_path):
    runs.clear()
    return lambda text="one": one_step(CONFIG, str(tmp_path), text)


def test_a_second_run_is_a_hit_and_its_result_is_the_same(run):
    assert run() == run()
    assert runs == ["one"]


def test_a_task_asks_the_server_for_no_slot(run, monkeypatch):
    """With tags it would, one for each, and wait a minute where the server is away."""
    asked, plain = [], task_engine._concurrency

    def noted(names, **options):
        asked.append(names)
        return plain(names=names, **options)

    monkeypatch.setattr(task_engine, "_concurrency", noted)
    run()
    assert asked == [[]]


def test_a_hit_whose_artifact_is_gone_is_made_again(run, tmp_path):
    first = run()
    (Path(first["folder"]) / "rows.jsonl").unlink()
    run()
    assert runs == ["one", "one"]
    assert (Path(first["folder"]) / "rows.jsonl").read_text() == "one"


class Planted:
    """A pickle payload that leaves a mark when anything loads it."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return (open, (self.mark, "w"))


@pytest.mark.parametrize(
    "metadata",
    [
        {"serializer": {"type": "pickle"}},
        {"serializer": {"type": "compressed/pickle"}},
        {"serializer": {"type": "json"}},
        {},
    ],
)
def test_a_planted_record_is_never_read(run, tmp_path, metadata):
    import base64

    run()
    (record,) = (tmp_path / FOLDER).iterdir()
    mark = tmp_path / "executed"
    payload = base64.encodebytes(pickle.dumps(Planted(mark))).decode()
    planted = {"metadata": metadata | {"storage_key": record.name}, "result": payload}
    record.write_text(json.dumps(planted))
    assert run()["name"] == "items"
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\x80\x04."])
def test_a_torn_record_is_a_miss(run, tmp_path, content):
    run()
    (record,) = (tmp_path / FOLDER).iterdir()
    record.write_bytes(content)
    assert run()["name"] == "items"


def test_a_passing_fault_is_tried_again(run):
    assert run("passing")["name"] == "items"
    assert runs == ["passing", "passing"]


def test_an_error_a_retry_would_only_repeat_is_raised_at_once(run):
    with pytest.raises(StageError, match="too few rows"):
        run("wrong")
    assert runs == ["wrong"]


def test_results_are_plain_json():
    assert JsonResults().loads(JsonResults().dumps({"a": [1, None]})) == {"a": [1, None]}
    with pytest.raises(TypeError):
        JsonResults().dumps({"a": object()})


def test_records_cannot_leave_their_folder(tmp_path):
    storage = WorkspaceResults(basepath=str(tmp_path / "in"))
    with pytest.raises(ValueError, match="outside of the base path"):
        storage.write_path("../out", b"x")
