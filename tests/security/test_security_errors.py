"""Whatever a file system answers, wherever it is asked, a person gets one line that says so."""

import errno
import os
import re
import sys
import threading
from itertools import count
from pathlib import Path

import pytest

from synthetic_instruction_tuner.config import presets
from synthetic_instruction_tuner.storage import disk
from synthetic_instruction_tuner.study.workspace import open_study
from tuner.commands import run as run_command
from tuner.main import main

NUMBERS = sorted(errno.errorcode.keys() - {errno.EPIPE})
"""All but the one that says that nobody reads what is said."""
NAMED = (
    *("EREMOTEIO", "EHOSTDOWN", "ENFILE", "EISDIR", "ENOTEMPTY", "EXDEV", "ESTALE", "ENOSPC"),
    *("EDQUOT", "EROFS", "EIO", "EACCES", "EPERM", "ENOTDIR", "ELOOP", "EBUSY", "EMFILE"),
)
EVENTS = ("open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.scandir", "os.listdir")
FAULT = threading.local()
LINE = re.compile(r"tuner: .+\n")


def _audit(event, arguments):
    """Let one operation on a file of the workspace fail in this thread."""
    if event not in EVENTS or (where := getattr(FAULT, "where", None)) is None:
        return
    places = [one for one in arguments[:2] if isinstance(one, str | bytes | os.PathLike)]
    if not any(os.fsdecode(one).startswith(where) for one in places):
        return
    FAULT.left -= 1
    if FAULT.left == 0:
        raise OSError(FAULT.number, os.strerror(FAULT.number), os.fsdecode(places[0]))


sys.addaudithook(_audit)


@pytest.fixture
def tuner(monkeypatch, capsys):
    """Call the command line; an error that it does not catch would come through."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["tuner", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        finally:
            FAULT.where = None
        return code, capsys.readouterr().err

    return call


def failing(where, place, number):
    """Let the operation on a file in a folder with this place in the order fail."""
    FAULT.where, FAULT.left, FAULT.number = str(where), place, number


def is_one_line(code, told):
    return bool(code == 0 or (code in (1, 2) and LINE.fullmatch(told)))


@pytest.mark.parametrize("number", NUMBERS, ids=errno.errorcode.get)
def test_every_error_of_the_system_is_one_line(tuner, monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number), "/drive/study/study.json")

    monkeypatch.setattr("tuner.commands.status.existing", fail)
    code, told = tuner("status")
    assert code == 1
    assert LINE.fullmatch(told)
    assert "/drive/study/study.json" in told
    assert os.strerror(number) in told
    assert number in disk.ADVICE or errno.errorcode[number] not in NAMED


@pytest.mark.parametrize(
    "command",
    ["status", "clean", "report", "export sft out", "push raw nobody/nothing", "human export out"],
)
def test_a_fault_at_any_place_that_is_read_is_one_line(tuner, tmp_path, command):
    """Each operation fails once, with one error after the other; what goes on is right, too."""
    open_study(presets.load("sandbox-smoke"), tmp_path)
    for place in count(1):
        number = getattr(errno, NAMED[place % len(NAMED)])
        failing(tmp_path, place, number)
        code, told = tuner(*command.split(), "--workspace", tmp_path)
        assert is_one_line(code, told), f"operation {place}, {errno.errorcode[number]}: {told}"
        if FAULT.left > 0:
            break
    assert place > 2


def test_a_fault_at_any_place_that_is_written_is_one_line(tuner, tmp_path, monkeypatch):
    """The first steps of a run: folder, study file, lease."""

    def reached(*_):
        raise OSError(errno.EREMOTEIO, "x")

    monkeypatch.setattr(run_command, "_run_flow", reached)
    for place in count(1):
        root = tmp_path / f"{place}"
        number = getattr(errno, NAMED[place % len(NAMED)])
        failing(root, place, number)
        code, told = tuner("run", "sandbox-smoke", "--workspace", root)
        assert code in (1, 2)
        assert LINE.fullmatch(told.splitlines(keepends=True)[-1]), f"operation {place}: {told}"
        assert "Traceback" not in told
        if FAULT.left > 0:
            break
        assert str(root) in told
    assert place > 10


def test_an_error_that_says_nothing_is_one_line_too(tuner, monkeypatch):
    def fail(*_):
        raise OSError("a library's own words\nover two lines")

    monkeypatch.setattr("tuner.commands.status.existing", fail)
    code, told = tuner("status")
    assert (code, told.count("\n")) == (1, 1)
    assert "a library's own words over two lines" in told


def test_every_error_that_is_named_says_what_to_do():
    for name in NAMED:
        told = disk.explain(OSError(getattr(errno, name), "x", "/a"), Path("/drive"))
        assert re.search(r"; \w+ .*, then run again", str(told))
