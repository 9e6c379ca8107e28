"""Leases and claims: no old holder over a new one, nobody waits without end, a loser stops."""

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from support import clocks

from synthetic_instruction_tuner.errors import WorkspaceError
from synthetic_instruction_tuner.storage import claim_files, claims, processes
from synthetic_instruction_tuner.storage.artifacts import Artifact, ArtifactStore
from synthetic_instruction_tuner.study import ending, workspace
from synthetic_instruction_tuner.study.workspace import LEASE_FILE, lease, try_claim

ARTIFACT = Artifact("generation", "raw", "data/raw", 1, {})
EVENTS = ("open", "os.rename", "os.link", "os.remove")
WATCHED = threading.local()


def _audit(event, arguments):
    """Do something before a certain operation on files of this thread."""
    action = getattr(WATCHED, "action", None)
    if action is None or event not in EVENTS:
        return
    WATCHED.left -= 1
    if WATCHED.left == 0:
        WATCHED.action = None
        action()


sys.addaudithook(_audit)


def interrupted(place, work, action):
    """Run some work with something else done before its `place`-th operation on a file.

    Returns:
        Whether the work had that many.
    """
    WATCHED.action, WATCHED.left = action, place
    try:
        work()
        return WATCHED.action is None
    finally:
        WATCHED.action = None


def seize(path):
    """Take a claim over as another process does, also where it is just being moved."""
    for _ in range(3):
        if claims.seize(path, "new") is None or claims.take(path, "new") is None:
            return
    raise AssertionError("nobody could take the claim")


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("part", ["renew", "release", "take over"])
def test_no_operation_puts_an_old_holder_back_over_a_new_one(tmp_path, monkeypatch, part, links):
    """A take-over before each single operation on a file, one after the other: all there are."""
    if not links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(1, "no links")))
    places = 0
    while True:
        path = tmp_path / f"{places}" / "x.json"
        assert claims.take(path, "old") is None
        seen = claims.read(path)
        works = {
            "renew": lambda path=path: claims.renew(path, "old"),
            "release": lambda path=path: claims._withdraw(path, claim_files.Claim(token="old")),
            "take over": lambda path=path, seen=seen: claims._take_over(path, "late", seen),
        }
        if not interrupted(places + 1, works[part], lambda path=path: seize(path)):
            break
        assert claims.read(path)["token"] == "new", f"before operation {places + 1}"
        places += 1
    assert places >= 4


def test_of_those_who_hold_a_claim_at_once_at_most_one_believes_it(tmp_path):
    """Whatever happens in between, who is told to hold it and whose name it carries agree."""
    for place in range(1, 40):
        path, told = tmp_path / f"{place}" / "x.json", {}
        claims.take(path, "dead")
        seen = claims.read(path)

        def late(path=path, told=told, seen=seen):
            told["late"] = claims._take_over(path, "late", seen)

        interrupted(place, late, lambda path=path: seize(path))
        holders = [name for name, holder in told.items() if holder is None]
        assert claims.read(path)["token"] in ("new", *holders)
        for name in holders:
            if claims.read(path)["token"] != name:
                assert claims.renew(path, name)["token"] == "new"


NONSENSE = [
    {"until": math.nan},
    {"until": math.inf},
    {"until": -math.inf},
    {"until": 1e300},
    {"until": 10**400},
    {"until": "soon"},
    {"until": None},
    {"until": True},
    {"until": [1]},
    {"pid": 0},
    {"pid": -1},
    {"pid": 2**70},
    {"pid": 1.5},
    {"pid": "1"},
    {"pid": True},
    {"started": "x"},
    {"started": 2**70},
    {"machine": 7},
    {"host": {"a": 1}},
    {"token": ""},
    {"token": "../../x"},
    {"token": "x" * 10_000},
    {"token": 5},
    {"since": math.nan},
]


@pytest.mark.parametrize("values", NONSENSE, ids=str)
@pytest.mark.parametrize("here", [True, False])
def test_a_claim_of_nonsense_is_watched_for_a_while_and_then_taken(
    tmp_path, monkeypatch, values, here
):
    now, clock = time.time(), iter(range(0, 100_000, 30))
    clocks.turn(monkeypatch, claims, monotonic=lambda: next(clock))
    monkeypatch.setattr(processes, "alive", lambda pid, started=None: pid == os.getpid())
    where = processes.machine() if here else "elsewhere/1"
    content = {"token": "other", "pid": 4_000_000, "host": "x", "machine": where, "until": now - 30}
    path = tmp_path / "x.json"
    path.write_text(json.dumps(content | values))
    looks = 0
    while (holder := claims.take(path, "mine")) is not None:
        claim_files.describe(holder)
        assert isinstance(holder["until"], float)
        assert math.isfinite(holder["until"])
        looks += 1
        assert looks < 6, "it is waited for without end"
    assert claims.read(path)["token"] == "mine"


@pytest.mark.parametrize("until", [1e12, -1e12])
def test_a_claim_in_the_name_of_a_process_that_lives_ends_too(tmp_path, monkeypatch, until):
    """Its process is there (init is on every machine), but nobody renews it."""
    clock = iter(range(0, 100_000, 30))
    clocks.turn(monkeypatch, claims, monotonic=lambda: next(clock))
    content = {"token": "x", "pid": 1, "machine": processes.machine(), "until": until}
    (tmp_path / "x.json").write_text(json.dumps(content))
    taken = [claims.take(tmp_path / "x.json", "mine") for _ in range(4)]
    assert taken.count(None) == 1


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "large"])
@pytest.mark.parametrize("name", [LEASE_FILE, f"{LEASE_FILE}.taking"])
def test_what_is_no_file_in_the_place_of_a_lease_is_named_at_once(tmp_path, kind, name):
    path = tmp_path / name
    if name != LEASE_FILE:  # a dead holder, so that the marker is looked at
        (tmp_path / LEASE_FILE).write_text(json.dumps({"token": "x", "until": 0}))
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(tmp_path / "target")
    else:
        path.write_text(" " * 100_000)
    with pytest.raises(WorkspaceError, match=f"{name} (is|holds)"), lease(tmp_path):
        pass


def test_two_machines_of_one_name_do_not_judge_each_others_processes(tmp_path, monkeypatch):
    """Without /proc: what tells them apart lies on the disk of each."""
    monkeypatch.setattr(processes, "BOOT", tmp_path / "none")
    names = []
    for one in ("a", "b", "a"):
        (tmp_path / one).mkdir(exist_ok=True)
        monkeypatch.setattr(processes.tempfile, "gettempdir", lambda one=one: str(tmp_path / one))
        processes._installation.cache_clear()
        names.append(processes.machine())
    processes._installation.cache_clear()
    assert names[0] == names[2] != names[1]
    assert (tmp_path / "a" / f"tuner-{os.getuid()}").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("prepared", ["link", "open folder", "file"])
def test_a_temporary_folder_that_somebody_prepared_is_not_used(tmp_path, monkeypatch, prepared):
    monkeypatch.setattr(processes.tempfile, "gettempdir", lambda: str(tmp_path))
    place = tmp_path / f"tuner-{os.getuid()}"
    if prepared == "link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        place.symlink_to(tmp_path / "theirs")
    elif prepared == "file":
        place.write_text("")
    else:
        place.mkdir()
        place.chmod(0o777)
    assert processes.private_folder() is None


def test_without_proc_a_process_number_still_means_one_process(monkeypatch):
    real = Path.read_text

    def no_proc(path, *arguments, **options):
        if path.parts[:2] == ("/", "proc"):
            raise FileNotFoundError(2, "No such file or directory")
        return real(path, *arguments, **options)

    monkeypatch.setattr(Path, "read_text", no_proc)
    started = processes.start_of(os.getpid())
    assert abs(started - time.time()) < 86400
    assert processes.alive(os.getpid(), started)
    assert not processes.alive(os.getpid(), started - 5)
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not processes.alive(child.pid)  # a zombie


def take_away(root):
    """Hold the lease of a workspace as another session that thought its holder dead."""
    path = root / LEASE_FILE
    assert claims._replace(path, claims.read(path), claims._claim("new")) is None


@pytest.mark.parametrize("lost", ["lease", "claim"])
def test_who_lost_a_lease_or_claim_commits_nothing(tmp_path, lost):
    """The check is at the commit itself, however late a renewal would have noticed."""
    store = ArtifactStore(tmp_path)
    with lease(tmp_path), workspace.claim(tmp_path, "raw"), store.writing(ARTIFACT) as folder:
        (folder / "rows").write_text("old holder's")
        path = tmp_path / LEASE_FILE if lost == "lease" else workspace.claim_file(tmp_path, "raw")
        other = claim_files.Claim(token="new", pid=1, host="elsewhere", machine="x/1", until=1e12)
        assert claims._replace(path, claims.read(path), other) is None
        with pytest.raises(WorkspaceError, match="was taken over by process 1 on elsewhere"):
            store.commit(ARTIFACT, {}, 0.0)
        assert not store.folder(ARTIFACT).exists()
    assert claims.read(path)["token"] == "new"
    path.unlink()


def test_a_slow_maker_whose_piece_is_made_beside_it_may_still_finish(tmp_path):
    store = ArtifactStore(tmp_path)
    with try_claim(tmp_path, "raw"), store.writing(ARTIFACT) as folder:
        (folder / "rows").write_text("1")
        with try_claim(tmp_path, "raw", after_seconds=0):
            assert store.commit(ARTIFACT, {}, 0.0).files.keys() == {"rows"}


HOLDER = """
import subprocess, sys, time
from pathlib import Path
from synthetic_instruction_tuner.storage import claims
from synthetic_instruction_tuner.study import ending, workspace
claims.RENEW_SECONDS, ending.GRACE_SECONDS = 0.05, {grace}
def ready():
    print("held", flush=True)
with workspace.lease(Path(sys.argv[1])):
{work}
"""
BLOCKED = {
    "sleep": "ready(); time.sleep(600)",
    "pipe of a child": "ready(); subprocess.run(['sleep', '600'], stdout=subprocess.PIPE)",
    "busy": "ready()\nwhile True: pass",
}
DEAF = """
ready()
while True:
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        pass
"""


def start(root, work, grace=60):
    script = HOLDER.format(grace=grace, work=textwrap.indent(work, "    "))
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(root)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout.readline() == b"held\n"
    return process


@pytest.mark.parametrize("work", BLOCKED.values(), ids=BLOCKED)
def test_a_run_that_lost_its_lease_wakes_up_and_stops(tmp_path, work):
    with start(tmp_path, work) as process:
        take_away(tmp_path)
        _, told = process.communicate(timeout=60)
    assert b"KeyboardInterrupt" in told
    assert process.returncode in (1, -signal.SIGINT)
    assert claims.read(tmp_path / LEASE_FILE)["token"] == "new"


def test_a_run_that_goes_on_without_its_lease_is_ended(tmp_path):
    with start(tmp_path, DEAF, grace=0.2) as process:
        take_away(tmp_path)
        assert process.wait(60) == ending.LOST


def test_a_run_that_slept_beyond_its_lease_stops_when_it_wakes(tmp_path):
    with start(tmp_path, BLOCKED["sleep"]) as process:
        process.send_signal(signal.SIGSTOP)
        take_away(tmp_path)
        process.send_signal(signal.SIGCONT)
        assert process.wait(60) in (1, -signal.SIGINT)


def test_what_a_run_started_ends_with_its_lease_and_before_it(tmp_path):
    work = textwrap.dedent("""
        child = subprocess.Popen(["sleep", "600"])
        with ending.ended_with_lease(child.kill):
            ready()
            try:
                time.sleep(600)
            except KeyboardInterrupt:
                print(child.wait(), flush=True)
    """)
    with start(tmp_path, work) as process:
        take_away(tmp_path)
        told, _ = process.communicate(timeout=60)
    assert told == b"-9\n"


def test_a_training_process_stops_by_itself_when_a_claim_is_lost(tmp_path):
    """Its parent may be the one that sleeps."""
    path = tmp_path / LEASE_FILE
    assert claims.take(path, "old") is None
    script = (
        "import signal, sys\nfrom pathlib import Path\n"
        "from synthetic_instruction_tuner.storage import claims\n"
        "from synthetic_instruction_tuner.training.worker import stop_without\n"
        "claims.RENEW_SECONDS = 0.05\n"
        "stop_without({Path(sys.argv[1]): 'old'})\n"
        "print('up', flush=True)\nsignal.pause()\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"up\n"
        take_away(tmp_path)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 143
    assert b"was taken by process" in told


def test_a_training_process_that_lost_a_claim_writes_no_checkpoint(tmp_path, monkeypatch):
    from synthetic_instruction_tuner.training.checkpoints import checkpoint

    path = tmp_path / LEASE_FILE
    claims.take(path, "old")
    monkeypatch.setattr(claims, "_inherited", {})
    claims.inherit({path: "old"})
    final = tmp_path / ".unfinished" / "sft" / "work" / "checkpoints" / "step-0000001"
    temporary = final.with_name(".step-0000001.1")
    temporary.mkdir(parents=True)
    take_away(tmp_path)
    with pytest.raises(WorkspaceError, match="was taken over"):
        checkpoint._publish(temporary, final)
    assert not final.exists()
