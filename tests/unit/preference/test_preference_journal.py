import json

import pytest

from synthetic_instruction_tuner.preference.journal import Journal

LINES = [{"rewards": {"a": 1.5}}, {"rewards": {"b": -0.25}}, {"rewards": {"c": 3.0}}]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "journal.jsonl"
    for line in LINES:
        Journal(path).append(line)
    return path


def test_what_was_appended_is_read(path):
    assert Journal(path).read() == LINES


def test_a_file_that_is_not_there_is_empty(tmp_path):
    assert Journal(tmp_path / "none").read() == []


def test_torn_at_any_byte_only_the_torn_line_is_lost(path):
    whole = path.read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == ord("\n")]
    for size in sorted({*range(0, len(whole), 5), *ends, *(end - 1 for end in ends)}):
        path.write_bytes(whole[:size])
        kept = sum(end <= size for end in ends)
        assert Journal(path).read() == LINES[:kept]
        assert path.read_bytes() == whole[: ends[kept - 1] if kept else 0]


@pytest.mark.parametrize(
    "damage",
    [b"\x00" * 40, b"{}\n", b"0000000000000000 {}\n"],
    ids=["zeros", "no hash", "wrong hash"],
)
def test_a_tail_that_is_not_ours_is_cut_off(path, damage):
    whole = path.read_bytes()
    path.write_bytes(whole + damage)
    assert Journal(path).read() == LINES
    assert path.read_bytes() == whole


def test_an_altered_number_is_not_believed(path):
    altered = path.read_bytes().replace(b"-0.25", b"-0.35")
    path.write_bytes(altered)
    assert Journal(path).read() == LINES[:1]


def test_nan_is_never_written(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        Journal(tmp_path / "journal").append({"reward": float("nan")})
    assert not (tmp_path / "journal").exists()


def test_lines_are_json_behind_their_hash(path):
    first = path.read_text().splitlines()[0]
    assert json.loads(first.split(" ", 1)[1]) == LINES[0]
