"""One study a workspace, one live writer, leases that end."""

import errno
import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import clocks
from support.waiting import wait_for

from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.errors import WorkspaceError
from synthetic_instruction_tuner.storage import claims, processes
from synthetic_instruction_tuner.storage.files import write_json
from synthetic_instruction_tuner.storage.processes import machine
from synthetic_instruction_tuner.study.workspace import (
    LEASE_FILE,
    STUDY_FILE,
    claim,
    claim_file,
    is_led,
    lease,
    open_study,
    try_claim,
)

CONFIG = presets.load("sandbox-smoke")
LONG_AGO = 2 * claims.LEFT_SECONDS


def leave(path, **values):
    """Write the claim of a process on another machine; whole, also where a signal interrupts."""
    content = {"token": "other", "pid": 1, "host": "elsewhere", "machine": "elsewhere/1"}
    path.parent.mkdir(exist_ok=True)
    write_json(path, content | values)


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


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"name": "sandbox-smoke"}'])
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
    leave(tmp_path / LEASE_FILE, until=time.time() + 60)
    with pytest.raises(WorkspaceError, match="in use by process 1 on elsewhere"), lease(tmp_path):
        pass


@pytest.mark.parametrize("late", [1, LONG_AGO, -10_000_000])
def test_a_lease_whose_time_is_up_is_taken_over(tmp_path, monkeypatch, late):
    """Up a moment ago, long ago, or never: the dead machine's clock was months ahead."""
    monkeypatch.setattr(claims, "WATCH_SECONDS", 0.01)
    leave(tmp_path / LEASE_FILE, until=time.time() - late)
    with lease(tmp_path):
        assert json.loads((tmp_path / LEASE_FILE).read_text())["pid"] == os.getpid()


@pytest.mark.parametrize("ahead", [-14 * 3600, -600, 600, 14 * 3600])
def test_a_holder_whose_clock_is_wrong_keeps_what_it_renews(tmp_path, monkeypatch, ahead):
    path = claim_file(tmp_path, "x")
    monkeypatch.setattr(claims, "WATCH_SECONDS", 30.0)
    now = iter(range(0, 10_000, 20))
    clocks.turn(monkeypatch, claims, monotonic=lambda: next(now))
    for renewal in range(20):
        leave(path, until=time.time() + ahead + 20 * renewal)
        assert claims.take(path, "mine") is not None
    taken = [claims.take(path, "mine") for _ in range(3)]  # it renews no more
    assert taken.count(None) == 1


@pytest.mark.parametrize("before", [signal.default_int_handler, signal.SIG_IGN])
def test_a_lease_that_was_lost_ends_the_run(tmp_path, monkeypatch, request, before):
    """A laptop that slept while another session took over; in a terminal, and in the background."""
    monkeypatch.setattr(claims, "RENEW_SECONDS", 0.01)
    usual = signal.signal(signal.SIGINT, before)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, usual))

    def work():
        with lease(tmp_path):
            for _ in range(1000):  # a renewal that had begun may write once more
                leave(tmp_path / LEASE_FILE, until=time.time() + 60)
                time.sleep(0.01)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert claims.read(tmp_path / LEASE_FILE)["token"] == "other"


def test_a_process_number_that_is_used_again_is_not_its_first_owner(tmp_path):
    """A container that was killed and started again."""
    leave(tmp_path / LEASE_FILE, pid=os.getpid(), machine=machine(), started=1, until=time.time())
    with lease(tmp_path):
        pass


def test_a_claim_appears_whole(tmp_path, monkeypatch):
    """A kill while a claim is written leaves no claim, not a torn one that holds for minutes."""
    monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(SystemError("killed")))
    with pytest.raises(SystemError):
        claims.take(tmp_path / "x.json", "mine")
    assert not (tmp_path / "x.json").exists()


def test_where_there_are_no_links_a_claim_is_still_exclusive(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    assert claims.take(tmp_path / "x.json", "mine") is None
    assert claims.take(tmp_path / "x.json", "yours")["token"] == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("values", [{"pid": "one"}, {"machine": machine()}, {"until": "soon"}])
def test_a_claim_of_nonsense_is_no_crash(tmp_path, monkeypatch, values):
    monkeypatch.setattr(claims, "WATCH_SECONDS", 0.01)
    content = {"token": "other", "host": "elsewhere", "machine": "elsewhere/1", "until": 0} | values
    (tmp_path / LEASE_FILE).write_text(json.dumps(content))
    with lease(tmp_path):
        pass


def test_a_dead_process_of_this_machine_is_taken_over_at_once(tmp_path):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    leave(tmp_path / LEASE_FILE, pid=child, machine=machine(), until=time.time() + 60)
    with lease(tmp_path):
        pass


def test_a_session_that_died_while_it_took_over_is_in_nobodys_way(tmp_path):
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    for name in (LEASE_FILE, f"{LEASE_FILE}.taking"):
        leave(tmp_path / name, pid=child, machine=machine(), until=time.time() + 60)
    with lease(tmp_path):
        assert json.loads((tmp_path / LEASE_FILE).read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_torn_claim_counts_from_when_it_was_written(tmp_path):
    path = tmp_path / LEASE_FILE
    path.write_text('{"tok')
    with pytest.raises(WorkspaceError, match="in use"), lease(tmp_path):
        pass
    os.utime(path, (1, 1))
    with lease(tmp_path):
        pass


def test_a_live_process_of_this_machine_keeps_its_lease_past_its_time(tmp_path):
    leave(tmp_path / LEASE_FILE, pid=os.getpid(), machine=machine(), until=time.time() - 1000)
    with pytest.raises(WorkspaceError, match="in use"), lease(tmp_path):
        pass


def test_the_token_of_a_lease_says_who_leads(tmp_path):
    with lease(tmp_path) as token:
        assert is_led(tmp_path, token)
        assert not is_led(tmp_path, "other")
    assert not is_led(tmp_path, token)
    leave(tmp_path / LEASE_FILE, until=time.time() - 60)
    assert is_led(tmp_path, "other")  # its clock may be slow: it is watched first
    leave(tmp_path / LEASE_FILE, until=time.time() - LONG_AGO)
    assert not is_led(tmp_path, "other")


def test_one_piece_of_work_is_claimed_once_and_others_beside_it(tmp_path):
    path = claim_file(tmp_path, "draws/0-7-abc")
    first = try_claim(tmp_path, "draws/0-7-abc")
    assert try_claim(tmp_path, "draws/0-7-abc") is None
    with try_claim(tmp_path, "draws/8-15-abc"), claim(tmp_path, "draws/0-7-abc"):
        assert path.exists()  # the process that holds it may take it again
    first.close()
    assert not path.exists()


def test_who_needs_a_claim_waits_for_its_holder(tmp_path, monkeypatch):
    path = claim_file(tmp_path, "x")
    monkeypatch.setattr(claims, "WATCH_SECONDS", 0.05)
    leave(path, until=time.time() + 0.2)
    with claim(tmp_path, "x", poll_seconds=0.01):
        assert json.loads(path.read_text())["pid"] == os.getpid()


def test_a_straggler_loses_its_claim_and_leaves_that_of_its_successor_alone(tmp_path):
    path = claim_file(tmp_path, "x")
    slow = try_claim(tmp_path, "x")
    assert try_claim(tmp_path, "x", after_seconds=60) is None
    with try_claim(tmp_path, "x", after_seconds=0):
        token = json.loads(path.read_text())["token"]
        slow.close()
        assert json.loads(path.read_text())["token"] == token


def test_of_many_takers_of_a_dead_claim_one_succeeds(tmp_path):
    path = claim_file(tmp_path, "x")
    for _ in range(20):
        leave(path, until=time.time() - LONG_AGO)
        with ThreadPoolExecutor(8) as pool:
            taken = list(pool.map(lambda n: claims.take(path, f"taker{n}"), range(8)))
        assert taken.count(None) == 1
        path.unlink()


def test_a_claim_is_renewed_and_a_lost_one_is_not(tmp_path, monkeypatch, caplog):
    path = tmp_path / "x.json"
    claims.take(path, "mine")
    with monkeypatch.context() as patch:
        clocks.turn(patch, claims, time=lambda: 1e9)
        assert claims.renew(path, "mine") is None
        assert claims.read(path)["until"] == 1e9 + claims.SECONDS
    leave(path, until=time.time() + 60)
    lost = threading.Event()
    monkeypatch.setattr(claims, "RENEW_SECONDS", 0.01)
    with claims.kept(path, "mine", lambda _: lost.set()):
        assert lost.wait(30)
    assert "was taken over by process 1 on elsewhere" in caplog.text
    assert claims.read(path)["token"] == "other"
    assert [one.name for one in tmp_path.iterdir()] == ["x.json"]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOTCONN, errno.ENOENT, errno.ECONNABORTED])
def test_a_drive_that_hiccups_costs_a_renewal_not_the_claim(tmp_path, monkeypatch, caplog, number):
    monkeypatch.setattr(claims, "RENEW_SECONDS", 0.005)
    path, read = tmp_path / "x.json", claims.read
    claims.take(path, "mine")

    def gone(_):
        raise OSError(number, os.strerror(number))

    with claims.kept(path, "mine"):
        monkeypatch.setattr(claims, "read", gone)
        wait_for("word of the failure", lambda: "could not be renewed" in caplog.text)
        monkeypatch.setattr(claims, "read", read)
        until = read(path)["until"]
        wait_for("a renewal", lambda: read(path).get("until", until) != until)


def test_a_process_of_another_container_with_the_name_of_this_host_is_not_judged(
    tmp_path, monkeypatch
):
    """Its number is none here, which says nothing: it is alive until its time is up."""
    with monkeypatch.context() as patch:
        patch.setattr(processes.os, "readlink", lambda _: "pid:[1]")
        elsewhere = machine()
    assert elsewhere != machine()
    leave(tmp_path / LEASE_FILE, pid=2**22 + 1, machine=elsewhere, until=time.time() + 60)
    with pytest.raises(WorkspaceError, match="in use"), lease(tmp_path):
        pass


def test_a_folder_on_a_drive_that_is_not_mounted_is_refused(monkeypatch, tmp_path):
    drive = tmp_path / "drive"
    monkeypatch.setattr("synthetic_instruction_tuner.study.workspace.DRIVE", drive)
    with pytest.raises(WorkspaceError, match="Drive is not mounted"):
        open_study(presets.load("sandbox-smoke"), drive / "MyDrive" / "study")
    assert not drive.exists()
    (drive / "MyDrive").mkdir(parents=True)  # what mounting does
    assert open_study(presets.load("sandbox-smoke"), drive / "MyDrive" / "study").root.is_dir()
