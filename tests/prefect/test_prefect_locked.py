"""A database that is locked for a while delays a run, and loses nothing of it."""

import sqlite3
import threading
from contextlib import closing

import pytest
from prefect import flow
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL

from synthetic_instruction_tuner.config import StudyConfig, presets
from tasks.step import call, opened, step, summary, working

pytestmark = [pytest.mark.prefect, pytest.mark.usefixtures("prefect_server")]
CONFIG = presets.load("sandbox-smoke")
SECONDS = 4.0


@step
def make(config: StudyConfig, workspace: str, identity: str):
    study = opened(config, workspace)
    with study.store.writing(study.items) as folder:
        (folder / "rows.jsonl").write_text("one")
    return summary(study.store.commit(study.items, {}, 0.0))


@flow(name="locked")
def one_step(config: StudyConfig, workspace: str):
    with working(config, workspace) as study:
        return call(make, study, study.items)


def test_a_run_waits_for_a_locked_database_and_completes(tmp_path):
    place = PREFECT_API_DATABASE_CONNECTION_URL.value().partition("///")[2]
    with closing(sqlite3.connect(place, timeout=30, check_same_thread=False)) as lock:
        lock.execute("BEGIN EXCLUSIVE")
        release = threading.Timer(SECONDS, lock.rollback)
        release.start()
        state = one_step(CONFIG, str(tmp_path), return_state=True)
        release.join()
    assert state.is_completed()
    assert state.result()["name"] == "items"
    assert (tmp_path / "evaluation/items/rows.jsonl").read_text() == "one"
