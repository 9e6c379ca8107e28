"""A disk that fails is named, with what to do about it."""

import errno
import os
from pathlib import Path

import pytest

from synthetic_instruction_tuner.errors import StorageError
from synthetic_instruction_tuner.storage import disk, files

PLACE = Path("/drive/studies/llama")


@pytest.mark.parametrize(
    ("error", "text", "passing"),
    [
        (OSError(errno.ENOSPC, "x"), "No space left on device; free some space", False),
        (OSError(errno.EROFS, "x"), "mount it for writing, or choose another workspace", False),
        (OSError(errno.EIO, "x"), "check the disk, or mount the drive anew", True),
        (OSError(errno.ENOTCONN, "x"), "mount the drive anew", True),
        (OSError(errno.ENOSPC, "x", f"{PLACE}/a.json"), rf"llama \({PLACE}/a.json\): No sp", False),
        (RuntimeError("I/O error: whatever (os error 28)"), "No space left on device", False),
    ],
)
def test_errors_of_the_disk_say_where_what_and_what_to_do(error, text, passing):
    with pytest.raises(StorageError, match=text) as caught, disk.named(PLACE):
        raise error
    assert str(caught.value).startswith(f"the disk failed at {PLACE}")
    assert str(caught.value).endswith("then run again: it goes on from what is done")
    assert caught.value.passing is passing


@pytest.mark.parametrize("error", [ConnectionError("no route"), KeyError("a"), OSError("odd")])
def test_other_errors_pass_as_they_are(error):
    with pytest.raises(type(error)) as caught, disk.named(PLACE):
        raise error
    assert caught.value is error


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_names_the_file_and_leaves_the_old_one(tmp_path, monkeypatch, step):
    path = tmp_path / "a.json"
    files.write_json(path, {"a": 1})

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(StorageError, match=r"a\.json: No space left on device; free some space"):
        files.write_json(path, {"a": 2})
    assert path.read_text() == '{\n  "a": 1\n}\n'
    assert [one.name for one in tmp_path.iterdir()] == ["a.json"]
