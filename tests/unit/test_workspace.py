"""One study a workspace, one live writer, leases that end."""

import json
import os
import time

import pytest

from synthetic_instruction_tuner import presets
from synthetic_instruction_tuner.errors import WorkspaceError
from synthetic_instruction_tuner.workspace import (
    LEASE_FILE,
    STUDY_FILE,
    _machine,
    lease,
    open_study,
)

CONFIG = presets.load("sandbox-smoke")


def claim(root, **values):
    content = {"token": "other", "pid": 1, "host": "elsewhere", "machine": "elsewhere/1"}
    (root / LEASE_FILE).write_text(json.dumps(content | values))


def test_opening_makes_the_folder_and_remembers_the_study(tmp_path):
    study = open_study(CONFIG, tmp_path / "new")
    assert json.loads((study.root / STUDY_FILE).read_text())["name"] == "sandbox-smoke"
    assert open_study(CONFIG, tmp_path / "new").root == study.root


def test_a_workspace_of_another_study_is_refused_and_untouched(tmp_path):
    open_study(CONFIG, tmp_path)
    before = (tmp_path / STUDY_FILE).read_bytes()
    with pytest.raises(WorkspaceError, match="belongs to study 'sandbox-smoke', not 'sandbox'"):
        open_study(presets.load("sandbox"), tmp_path)
    assert (tmp_path / STUDY_FILE).read_bytes() == before


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(WorkspaceError, match="holds files but no study"):
        open_study(CONFIG, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_file_as_workspace_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WorkspaceError, match="is a file"):
        open_study(CONFIG, tmp_path / "file")


def test_a_workspace_that_cannot_be_made_is_refused():
    with pytest.raises(WorkspaceError, match="cannot make workspace"):
        open_study(CONFIG, presets.FOLDER / "sandbox.yaml" / "below-a-file")


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_an_unreadable_study_file_is_named(tmp_path, text):
    (tmp_path / STUDY_FILE).write_text(text)
    with pytest.raises(WorkspaceError, match=r"study\.json"):
        open_study(CONFIG, tmp_path)


def test_a_lease_is_there_while_it_is_held_and_gone_afterwards(tmp_path):
    with lease(tmp_path):
        assert json.loads((tmp_path / LEASE_FILE).read_text())["pid"] == os.getpid()
        with lease(tmp_path):  # the same process may nest
            pass
        assert (tmp_path / LEASE_FILE).exists()
    assert list(tmp_path.iterdir()) == []


def test_a_live_writer_elsewhere_is_named(tmp_path):
    claim(tmp_path, until=time.time() + 60)
    with pytest.raises(WorkspaceError, match="in use by process 1 on elsewhere"), lease(tmp_path):
        pass


def test_a_lease_whose_time_is_up_is_taken_over(tmp_path):
    claim(tmp_path, until=time.time() - 1)
    with lease(tmp_path):
        assert json.loads((tmp_path / LEASE_FILE).read_text())["pid"] == os.getpid()


def test_a_dead_process_of_this_machine_is_taken_over_at_once(tmp_path):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    claim(tmp_path, pid=child, machine=_machine(), until=time.time() + 60)
    with lease(tmp_path):
        pass


def test_a_torn_claim_counts_from_when_it_was_written(tmp_path):
    path = tmp_path / LEASE_FILE
    path.write_text('{"tok')
    with pytest.raises(WorkspaceError, match="in use"), lease(tmp_path):
        pass
    os.utime(path, (1, 1))
    with lease(tmp_path):
        pass


def test_a_live_process_of_this_machine_keeps_its_lease_past_its_time(tmp_path):
    claim(tmp_path, pid=os.getpid(), machine=_machine(), until=time.time() - 1000)
    with pytest.raises(WorkspaceError, match="in use"), lease(tmp_path):
        pass
