"""A journal gives back what was finished, whatever a kill or a bad disk did to its end."""

import json

import pytest

from synthetic_instruction_tuner.storage.journal import Journal

LINES = [{"rewards": {"a": 1.5}}, {"rewards": {"b": -0.25}}, {"rewards": {"c": 3.0}}]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "journal.jsonl"
    for line in LINES:
        Journal(path, "x").append(line)
    return path


def record(journal, name, value):
    with journal.recording(name) as result:
        result.append(value)


def test_what_was_appended_is_read(path):
    assert Journal(path, "x").read() == LINES


def test_a_file_that_is_not_there_is_empty(tmp_path):
    assert Journal(tmp_path / "none").read() == []
    assert not (tmp_path / "none").exists()


def test_torn_at_any_byte_only_the_torn_line_is_lost(path):
    whole = path.read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    for size in sorted({*range(0, len(whole), 5), *ends, *(end - 1 for end in ends)}):
        path.write_bytes(whole[:size])
        kept = sum(end <= size for end in ends)  # the header among them
        assert Journal(path, "x").read() == LINES[: max(kept - 1, 0)]
        assert path.read_bytes() == whole[: ends[kept - 1] if kept else 0]


@pytest.mark.parametrize("lost", [1, 5, 20, 40])
def test_after_a_torn_line_the_journal_goes_on(tmp_path, lost):
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, "x")
    record(journal, "0", "kept")
    record(journal, "1", "torn")
    path.write_bytes(path.read_bytes()[:-lost])
    again = Journal(path, "x")
    assert (again.get("0"), again.get("1")) == ("kept", None)
    record(again, "1", "new")
    assert Journal(path, "x").get("1") == "new"


@pytest.mark.parametrize(
    "damage",
    [b"\x00" * 40, b"{}\n", b"0000000000000000 {}\n"],
    ids=["zeros", "no hash", "wrong hash"],
)
def test_a_tail_that_is_not_ours_is_cut_off(path, damage):
    whole = path.read_bytes()
    path.write_bytes(whole + damage)
    assert Journal(path, "x").read() == LINES
    assert path.read_bytes() == whole


def test_an_altered_number_is_not_believed(path):
    path.write_bytes(path.read_bytes().replace(b"-0.25", b"-0.35"))
    assert Journal(path, "x").read() == LINES[:1]


def test_lines_of_other_settings_are_dropped(path):
    other = Journal(path, "y")
    assert other.read() == []
    other.append({"rewards": {}})
    assert Journal(path, "y").read() == [{"rewards": {}}]
    assert Journal(path, "x").read() == []


def test_values_under_names_come_back_with_their_seconds(tmp_path):
    path = tmp_path / "journal.jsonl"
    first = Journal(path, "x")
    record(first, "0", [[0, -0.1, True]])
    first.put("1", [[1, -1e-300, False]], 2.5)
    again = Journal(path, "x")
    assert again.get("0") == [[0, -0.1, True]]
    assert again.get("1") == [[1, -1e-300, False]]
    assert again.get("2") is None
    assert again.seconds == first.seconds >= 2.5
    again.close()
    assert not path.exists()


def test_work_that_fails_is_not_recorded(tmp_path):
    journal = Journal(tmp_path / "journal")
    with pytest.raises(ZeroDivisionError), journal.recording("0") as result:
        result.append(1 / 0)
    assert Journal(tmp_path / "journal").get("0") is None


def test_nan_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        Journal(tmp_path / "journal").append({"reward": float("nan")})
    assert not (tmp_path / "journal").exists()


def test_lines_are_json_behind_their_hash(path):
    lines = path.read_text().splitlines()
    assert [json.loads(one.split(" ", 1)[1]) for one in lines] == [{"fingerprint": "x"}, *LINES]
